import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { MESSAGE_SCHEMAS } from '../../../gateway/mqtt/messages.js'
import { topicsOf } from '../../../gateway/mqtt/topics.js'
import { schemaPath } from './message-schemas.js'

interface Node {
  readonly [key: string]: Node | undefined
}

const document = parse(readFileSync(schemaPath('asyncapi.yaml'), 'utf8')) as Node

t.test('every reference leads somewhere, and every schema is referred to', async t => {
  const references: string[] = []
  const collect = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node))
      if (key === '$ref') references.push(value)
      else collect(value)
  }
  collect(document)
  for (const reference of references)
    if (reference.startsWith('#/')) {
      const target = reference
        .slice(2)
        .split('/')
        .reduce<Node | undefined>((node, key) => node?.[key], document)
      t.ok(target, reference)
    } else t.ok(existsSync(schemaPath(reference)), reference)
  for (const name of Object.keys(MESSAGE_SCHEMAS)) t.ok(references.includes(`./${name}.schema.json`), name)
})

t.test('its addresses are the topics of the gateway', async t => {
  const topics = topicsOf('ecg', 'G')
  const addresses = Object.values(document.channels!).map(channel => String(channel!.address))
  t.strictSame(
    addresses.map(address =>
      address
        .replace('{gateway}', 'G')
        .replace('{device}', 'D')
        .replace('{key}', 'K')
        .replace('{alert}', 'A')
        .replace('{verb}', 'health'),
    ),
    [
      topics.state,
      topics.health,
      topics.deviceState('D'),
      topics.assessment('D'),
      topics.alert('D', 'K'),
      topics.evidence('D', 'A'),
      topics.command('health'),
      topics.reply('health'),
    ],
  )
})
