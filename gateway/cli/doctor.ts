import { Command } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { type ConfigOverrides, loadConfig } from '../config/load-config.js'
import { type Report, runChecks } from '../doctor/check.js'
import { CHECKS } from '../doctor/checks.js'
import { type ModelFlags, modelOptions } from './options.js'

interface DoctorFlags extends ModelFlags {
  config?: string
  json?: boolean
}

const OUTCOME_WIDTH = 'warning  '.length

/** `ecgclip doctor`: whether a gateway with this configuration would work here, and how to mend what would not. */
export function doctorCommand(): Command {
  return modelOptions(new Command('doctor'))
    .description('check what a gateway needs of this machine, and say how to mend each fault')
    .option('-c, --config <file>', 'configuration of the gateway, YAML')
    .option('--json', 'one JSON array instead of a table')
    .action(async (flags: DoctorFlags) => {
      const report = await runChecks(CHECKS, loadConfig(flags.config, overrides(flags)))
      if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`)
      else process.stdout.write(report.map(lines).join(''))
      const failed = report.filter(({ outcome }) => outcome === 'failed')
      if (failed.length > 0)
        throw new EcgclipError('DOCTOR_FAILED', `${failed.length} of ${report.length} checks failed`, { exitCode: 3 })
    })
}

function lines({ check, outcome, subject, detail, remedy }: Report[number]): string {
  const found = `${outcome.padEnd(OUTCOME_WIDTH)}${check}: ${subject}: ${detail}\n`
  return remedy === undefined ? found : `${found}${' '.repeat(OUTCOME_WIDTH)}→ ${remedy}\n`
}

function overrides({ bundle, trust, overlay, provider, variant }: DoctorFlags): ConfigOverrides {
  return {
    ...(bundle !== undefined && { bundle }),
    ...(trust !== undefined && { trust }),
    ...(overlay !== undefined && { overlay }),
    inference: { ...(provider !== undefined && { provider }), ...(variant !== undefined && { variant }) },
  }
}
