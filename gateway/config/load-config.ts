import { readFileSync } from 'node:fs'
import { type Document, parseDocument } from 'yaml'
import type { z } from 'zod'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { type Config, ConfigSchema } from './config.js'
import { migrate } from './migrations.js'

type ConfigErrorCode =
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_NOT_YAML'
  | 'CONFIG_INVALID'
  | 'CONFIG_EXISTS'
  | 'CONFIG_UNWRITABLE'

export class ConfigError extends EcgclipError {
  constructor(code: ConfigErrorCode, message: string, cause?: unknown) {
    super(code, message, { exitCode: 2, cause })
  }
}

/** What the command line says; each value wins over the file's. */
export type ConfigOverrides = z.input<typeof ConfigSchema>

/** Defaults, then the file, then the command line. Throws one `ConfigError` that names everything that is wrong. */
export function loadConfig(file: string | undefined, overrides: ConfigOverrides = {}): Config {
  const written = file === undefined ? {} : readYaml(file)
  const merged: Record<string, unknown> = { ...written, ...overrides }
  for (const section of ['broker', 'alerts', 'inference', 'monitor', 'log'] as const)
    if (isMapping(written[section])) merged[section] = { ...written[section], ...overrides[section] }
  const parsed = ConfigSchema.safeParse(merged)
  if (parsed.success) return parsed.data
  const where = file === undefined ? 'the command line' : file
  throw new ConfigError('CONFIG_INVALID', `${where} cannot be used: ${parsed.error.issues.map(sentence).join('; ')}`)
}

function readYaml(file: string): Record<string, unknown> {
  const document = readConfigDocument(file)
  migrate(document, file)
  return document.toJS() as Record<string, unknown>
}

/** The file as YAML with its comments, a mapping, of whatever version. */
export function readConfigDocument(file: string): Document {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(
      'CONFIG_UNREADABLE',
      `The configuration ${file} cannot be read; check the path and its permissions`,
      cause,
    )
  }
  const document: Document = parseDocument(text)
  const [error] = document.errors
  if (error) throw new ConfigError('CONFIG_NOT_YAML', `${file} is not YAML: ${error.message.split('\n')[0]}`, error)
  // An empty file, or comments alone.
  if (document.contents === null) document.contents = document.createNode({})
  if (!isMapping(contentOf(document, file)))
    throw new ConfigError('CONFIG_INVALID', `${file} cannot be used: it must be keys with values`)
  return document
}

/** An alias without its anchor, or far too many of them, shows only here. */
function contentOf(document: Document, file: string): unknown {
  try {
    return document.toJS()
  } catch (cause) {
    throw new ConfigError('CONFIG_NOT_YAML', `${file} cannot be used as YAML: ${(cause as Error).message}`, cause)
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sentence(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys')
    return `unknown key ${issue.keys.map(key => `"${[...issue.path.map(String), key].join('.')}"`).join(', ')}`
  return `${path || 'the file'}: ${issue.message}`
}
