import { z } from 'zod'
import { ConfigSchema } from './config.js'

/** One key of the configuration, as its schema describes it. */
export interface ConfigKey {
  /** From the root: `broker.url`, `devices[].uri`, `alerts.tasks.<name>`. */
  readonly path: string
  readonly type: string
  /** In YAML, or in words where it depends on the machine; null: none, the key may be left out. */
  readonly default: string | null
  readonly description: string
  /** A reload applies it; otherwise a change needs a restart. */
  readonly live: boolean
}

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly description?: string
  readonly 'x-live'?: boolean
  readonly 'x-default'?: string
}

/** JSON Schema (draft 2020-12) of the file. Editors complete and check it; `x-live` says what a reload applies. */
export function configJsonSchema(): object {
  const schema = z.toJSONSchema(ConfigSchema, {
    io: 'input',
    override({ jsonSchema }) {
      // Depends on the machine that prints it: told in words instead.
      if ('x-default' in jsonSchema) delete jsonSchema.default
    },
  })
  return { $id: 'urn:ecgclip:schema:config:1', title: 'ecgclip gateway configuration', ...schema }
}

/** Every key, in the order of the schema. */
export function configKeys(): ConfigKey[] {
  return keysOf(configJsonSchema() as JsonSchema, '', false)
}

function keysOf(schema: JsonSchema, path: string, live: boolean): ConfigKey[] {
  const applies = live || schema['x-live'] === true
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, inner]) =>
      keysOf(inner, path === '' ? name : `${path}.${name}`, applies),
    )
  const values = schema.additionalProperties
  const inside =
    schema.items?.properties !== undefined
      ? keysOf(schema.items, `${path}[]`, applies)
      : typeof values === 'object'
        ? keysOf(values, `${path}.<name>`, applies)
        : []
  // A list of mappings is described by the keys of one of them, after the list itself.
  return [keyOf(schema, path, applies), ...inside.filter(({ description }) => description !== '')]
}

function keyOf(schema: JsonSchema, path: string, live: boolean): ConfigKey {
  const fallback = schema['x-default'] ?? (schema.default === undefined ? null : JSON.stringify(schema.default))
  return { path, type: typeOf(schema), default: fallback, description: schema.description ?? '', live }
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(String).join(', ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.items !== undefined) return 'list'
  const range = [schema.minimum, schema.maximum]
  const bounds = range.some(bound => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER)
    ? ` ${range.map(bound => bound ?? '').join(' … ')}`
    : ''
  return `${String(schema.type ?? 'any').replace('object', 'mapping')}${bounds}`
}
