/** The part of JSON Schema that the messages' schemas are made of. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly maxLength?: number
}

/** One line of a table: a field of a message, however deep, with what its alternatives have in common. */
export interface FieldRow {
  /** `a.b`, with `[]` after an array and `<name>` for the keys of a map. */
  readonly path: string
  readonly type: string
  /** In every message of the kind; of a field inside another, whenever that is there. */
  readonly always: boolean
  readonly description: string
}

/** Every field of a message. */
export function fieldRows(schema: Schema, path = ''): FieldRow[] {
  const objects = alternatives(schema).filter(({ type }) => type === 'object')
  const names = new Set(objects.flatMap(({ properties = {} }) => Object.keys(properties)))
  const named = [...names].flatMap(name => {
    const found = objects.flatMap(({ properties = {} }) => properties[name] ?? [])
    const field: Schema = found.length === 1 ? found[0]! : { ...found[0], ...merged(found) }
    const always = objects.every(({ required = [] }) => required.includes(name))
    return withInner(path === '' ? name : `${path}.${name}`, field, always)
  })
  const values = objects.flatMap(({ additionalProperties: values }) => (isMap(values) ? [values] : []))
  return [...named, ...values.flatMap(value => withInner(`${path}.<name>`, value, false))]
}

function withInner(path: string, field: Schema, always: boolean): FieldRow[] {
  const items = alternatives(field).flatMap(({ items }) => items ?? [])
  return [
    { path, type: typeOf(field), always, description: field.description ?? '' },
    ...fieldRows(field, path),
    ...items.flatMap(item => fieldRows(item, `${path}[]`)),
  ]
}

/** `{}` and true let anything be there, which is no map of the contract's. */
const isMap = (values: boolean | Schema | undefined): values is Schema =>
  typeof values === 'object' && Object.keys(values).length > 0

const alternatives = (schema: Schema): readonly Schema[] =>
  (schema.anyOf ?? schema.oneOf)?.flatMap(alternatives) ?? [schema]

/** The same field in several forms of a message. */
function merged(forms: readonly Schema[]): Schema {
  const [first] = forms
  return forms.every(form => JSON.stringify(form) === JSON.stringify(first)) ? first! : { anyOf: forms }
}

function typeOf(schema: Schema): string {
  return [...new Set(alternatives(schema).flatMap(wordsOf))].join(' or ') || 'anything'
}

function wordsOf({ type, const: only, enum: values, items, ...bounds }: Schema): string[] {
  if (only !== undefined) return [`\`${only}\``]
  if (values) return [values.map(value => `\`${value}\``).join(', ')]
  if (items) return [`array of ${typeOf(items)}`]
  return [type ?? []].flat().map(name => (name === 'integer' || name === 'number' ? name + range(bounds) : name))
}

/** What JSON can hold at most says nothing. */
function range({ minimum = -Infinity, maximum = Infinity, exclusiveMinimum }: Schema): string {
  if (exclusiveMinimum !== undefined) return ` > ${exclusiveMinimum}`
  if (maximum < Number.MAX_SAFE_INTEGER) return minimum > -Infinity ? ` ${minimum} … ${maximum}` : ` ≤ ${maximum}`
  return minimum > -Number.MAX_SAFE_INTEGER ? ` ≥ ${minimum}` : ''
}
