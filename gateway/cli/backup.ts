import { Command } from 'commander'
import { makeBackup } from '../backup/make-backup.js'
import { restoreBackup } from '../backup/restore-backup.js'
import { loadConfig } from '../config/load-config.js'
import { packageVersion } from './package-version.js'

/** `ecgclip backup`: configuration and state in one file. */
export function backupCommand(): Command {
  return new Command('backup')
    .description('configuration, installed models and numbering in one file; secrets and undelivered alerts stay here')
    .argument('<file>', 'where to write it, .tar.gz')
    .option('-c, --config <file>', 'configuration of the gateway, YAML')
    .option('--data <dir>', 'folder of the gateway’s state')
    .action(async (file: string, flags: { config?: string; data?: string }) => {
      const config = loadConfig(flags.config, flags.data === undefined ? {} : { data: flags.data })
      const parts = { config, configFile: flags.config, version: packageVersion(), now: new Date() }
      const { files, secrets } = await makeBackup(file, parts)
      process.stdout.write(`${file}: ${files.length} files of ${config.id}.\n${toKeep(secrets)}`)
    })
}

/** `ecgclip restore`: the same on another machine, or on a new card. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('put a backup in place; the gateway must not run')
    .argument('<file>', 'a file that `ecgclip backup` wrote')
    .requiredOption('-c, --config <file>', 'where the configuration goes')
    .option('--data <dir>', 'where the state goes; by default where the restored configuration has it')
    .option('--force', 'replace what is there', false)
    .action(async (file: string, flags: { config: string; data?: string; force: boolean }) => {
      const { gateway, files, secrets } = await restoreBackup(file, {
        configFile: flags.config,
        data: flags.data,
        force: flags.force,
      })
      process.stdout.write(`${files.length} files of ${gateway} are in place.\n${toKeep(secrets)}`)
    })
}

function toKeep(secrets: readonly string[]): string {
  return secrets.length === 0 ? '' : `Not part of it, keep them elsewhere: ${secrets.join(', ')}\n`
}
