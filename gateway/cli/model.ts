import { Command } from 'commander'
import { modelInspectCommand } from './model-inspect.js'
import { modelInstallCommand } from './model-install.js'
import { modelListCommand } from './model-list.js'
import { modelPackCommand, modelSignCommand, modelSignOverlayCommand } from './model-pack.js'
import { modelActivateCommand, modelRollbackCommand } from './model-slots.js'
import { modelVerifyCommand } from './model-verify.js'

/** `ecgclip model`: the signed bundles of a gateway, and how they get there. */
export function modelCommand(): Command {
  const model = new Command('model').description('signed model bundles: what is installed, install, go back, pack')
  for (const make of [
    modelListCommand,
    modelInspectCommand,
    modelVerifyCommand,
    modelInstallCommand,
    modelActivateCommand,
    modelRollbackCommand,
    modelPackCommand,
    modelSignCommand,
    modelSignOverlayCommand,
  ])
    model.addCommand(make())
  return model
}
