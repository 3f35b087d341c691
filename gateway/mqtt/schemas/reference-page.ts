import { parse } from 'yaml'
import { jsonSchemas } from '../json-schemas.js'
import { type FieldRow, fieldRows, type Schema } from './field-rows.js'

/** What this page shows of an AsyncAPI 3 document. */
interface AsyncApi {
  readonly info: { readonly description: string }
  readonly channels: Readonly<Record<string, Channel>>
  readonly operations: Readonly<Record<string, Operation>>
  readonly components: { readonly messages: Readonly<Record<string, Message>> }
}
interface Reference {
  readonly $ref: string
}
interface Channel {
  readonly address: string
  readonly messages: Readonly<Record<string, Reference>>
}
interface Operation {
  readonly action: 'send' | 'receive'
  readonly summary?: string
  readonly channel: Reference
  readonly bindings: { readonly mqtt: { readonly qos: number; readonly retain?: boolean } }
  readonly reply?: { readonly channel: Reference }
}
interface Message {
  readonly summary?: string
  readonly payload: Schema | Reference
}

/** docs/mqtt-reference.md, from the text of `asyncapi.yaml` and the schemas. */
export function mqttReferencePage(asyncApi: string): string {
  const api = parse(asyncApi) as AsyncApi
  const schemas: Readonly<Record<string, Schema>> = jsonSchemas()
  function section({ action, summary = '', channel, bindings: { mqtt }, reply }: Operation): string {
    const how = `${action === 'send' ? 'Sent' : 'Taken'}, QoS ${mqtt.qos}${mqtt.retain ? ', retained' : ''}. ${summary}`
    return topic(channel, how) + (reply ? topic(reply.channel, `Sent, QoS ${mqtt.qos}.`) : '')
  }

  function topic({ $ref }: Reference, how: string): string {
    const { address, messages } = api.channels[lastOf($ref)]!
    const verbs = Object.keys(messages).length > 1 && address.endsWith('/{verb}')
    const parts = Object.entries(messages).map(
      ([name, { $ref }]) => (verbs ? `### ${verbOf(name)}\n\n` : '') + message(api.components.messages[lastOf($ref)]!),
    )
    return `## \`${address}\`\n\n${how.trim()}\n\n${parts.join('\n')}\n`
  }

  function message({ summary, payload }: Message): string {
    if (!('$ref' in payload)) return `${summary}\n`
    const file = lastOf(payload.$ref)
    const schema = schemas[file.replace('.schema.json', '')]!
    return `[\`${file}\`](../gateway/mqtt/schemas/${file})\n\n${table(fieldRows(schema))}\n`
  }

  return `# MQTT reference

<!-- Written by \`make reference\` from gateway/mqtt/schemas/asyncapi.yaml and gateway/mqtt/messages.ts: change it there. -->

Every topic and every field. [mqtt.md](mqtt.md) says how to use them; programs read
[\`asyncapi.yaml\`](../gateway/mqtt/schemas/asyncapi.yaml) and the JSON Schemas beside it. \`ecg\` is \`broker.base\` of the configuration.

${api.info.description.trim()}

${Object.values(api.operations).map(section).join('').trimEnd()}
`
}

const lastOf = (path: string): string => path.split('/').at(-1)!

/** `modelInstall` is the verb `model/install`. */
const verbOf = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `/${letter.toLowerCase()}`)

function table(rows: readonly FieldRow[]): string {
  const cells = ({ path, type, always, description }: FieldRow) =>
    `| \`${path}\` | ${type} | ${always ? '' : 'may be absent'} | ${description} |`.replaceAll('  ', ' ')
  return ['| field | type | | what it is |', '|---|---|---|---|', ...rows.map(cells)].join('\n')
}
