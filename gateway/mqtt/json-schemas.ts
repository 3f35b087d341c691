import { z } from 'zod'
import { MESSAGE_SCHEMAS, type MessageName } from './messages.js'

/** JSON Schema (draft 2020-12) of every message, as it stands in `schemas/<name>.schema.json`. */
export function jsonSchemas(): Record<MessageName, object> {
  const entries = Object.entries(MESSAGE_SCHEMAS).map(([name, schema]) => [
    name,
    { $id: `urn:ecgclip:schema:${name}:1`, ...z.toJSONSchema(schema) },
  ])
  return Object.fromEntries(entries) as Record<MessageName, object>
}

export const schemaFileName = (name: string): string => `${name}.schema.json`
export const schemaFileText = (schema: object): string => `${JSON.stringify(schema, null, 2)}\n`
