import { copyFileSync, existsSync, renameSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { configJsonSchema } from '../config/config-keys.js'
import { ConfigError, loadConfig, readConfigDocument } from '../config/load-config.js'
import { migrate } from '../config/migrations.js'
import { startingFile } from '../config/starting-file.js'

/** Readable by its owner and group only: it names files that hold secrets. */
const FILE_MODE = 0o640

/** `ecgclip config`: the configuration file from its first line to its next version. */
export function configCommand(): Command {
  const config = new Command('config').description('the configuration file: make one, check it, describe it')
  config
    .command('init')
    .description('write a commented file to begin with; prints it when no file is named')
    .argument('[file]', 'where to write it; must not exist yet')
    .action((file?: string) => {
      if (file === undefined) process.stdout.write(startingFile())
      else write(file)
    })
  config
    .command('check')
    .description('name everything that is wrong with a file; exit code 2 if anything is')
    .argument('<file>')
    .option('--json', 'the configuration in full, with every default')
    .action((file: string, { json }: { json?: boolean }) => {
      const loaded = loadConfig(file)
      process.stdout.write(json ? `${JSON.stringify(loaded)}\n` : `${file} is a valid configuration.\n`)
    })
  config
    .command('migrate')
    .description('bring a file of an older version up to date; the old one stays beside it as FILE.bak')
    .argument('<file>')
    .action((file: string) => {
      const document = readConfigDocument(file)
      const done = migrate(document, file)
      if (done.length === 0) {
        process.stdout.write(`${file} is up to date.\n`)
        return
      }
      copyFileSync(file, `${file}.bak`)
      writeFileSync(`${file}.new`, document.toString(), { mode: FILE_MODE })
      renameSync(`${file}.new`, file)
      process.stdout.write(`${done.join('\n')}\nThe file before is ${file}.bak.\n`)
    })
  config
    .command('schema')
    .description('JSON Schema of the file, for editors and other programs')
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
    })
  return config
}

function write(file: string): void {
  if (existsSync(file))
    throw new ConfigError('CONFIG_EXISTS', `${file} exists already; name another file, or move it away first.`)
  try {
    writeFileSync(file, startingFile(), { flag: 'wx', mode: FILE_MODE })
  } catch (cause) {
    throw new ConfigError('CONFIG_UNWRITABLE', `${file} cannot be written; check that its folder exists.`, cause)
  }
  process.stdout.write(`${file} is written: name your devices and your broker in it.\n`)
}
