import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { schemaFileName } from '../../../gateway/mqtt/json-schemas.js'
import { MESSAGE_SCHEMAS, type MessageName } from '../../../gateway/mqtt/messages.js'

/** The published JSON Schemas, as files, and which of them a topic's messages must obey. */

// From dist/test/gateway/mqtt: the files are not compiled, so they are read where they are written.
const FOLDER = new URL('../../../../gateway/mqtt/schemas/', import.meta.url)

export const schemaPath = (file: string): string => fileURLToPath(new URL(file, FOLDER))
export const schemaFile = (name: string): object => JSON.parse(readFileSync(schemaPath(schemaFileName(name)), 'utf8'))

const ajv = new Ajv2020({ allErrors: true })
const validators = Object.fromEntries(
  Object.keys(MESSAGE_SCHEMAS).map(name => [name, ajv.compile(schemaFile(name))]),
) as Record<MessageName, ValidateFunction>

const SCHEMA_OF_TOPIC: ReadonlyArray<readonly [RegExp, MessageName]> = [
  [/^[^/]+\/[^/]+\/state$/, 'state'],
  [/^[^/]+\/[^/]+\/health$/, 'health'],
  [/^[^/]+\/[^/]+\/device\/[^/]+\/state$/, 'device'],
  [/^[^/]+\/[^/]+\/device\/[^/]+\/assessment$/, 'assessment'],
  [/^[^/]+\/[^/]+\/device\/[^/]+\/alert\/[^/]+$/, 'alert'],
  [/^[^/]+\/[^/]+\/device\/[^/]+\/evidence\/[^/]+$/, 'evidence'],
  [/^[^/]+\/[^/]+\/reply\/.+$/, 'reply'],
]

/** What the schemas object to, or null. */
export function objection(topic: string, message: unknown): string | null {
  const name = SCHEMA_OF_TOPIC.find(([pattern]) => pattern.test(topic))?.[1]
  return name === undefined ? `no schema for topic ${topic}` : schemaObjection(name, message)
}

export function schemaObjection(name: MessageName, message: unknown): string | null {
  const validate = validators[name]
  return validate(message) ? null : `${name}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(message)}`
}
