import { readFileSync } from 'node:fs'
import t from 'tap'
import { fieldRows } from '../../../gateway/mqtt/schemas/field-rows.js'
import { mqttReferencePage } from '../../../gateway/mqtt/schemas/reference-page.js'
import { schemaPath } from './message-schemas.js'

const asyncApi = readFileSync(schemaPath('asyncapi.yaml'), 'utf8')

t.test('docs/mqtt-reference.md is what `make reference` writes', async t => {
  const page = readFileSync(new URL('../../../../docs/mqtt-reference.md', import.meta.url), 'utf8')
  t.equal(page, mqttReferencePage(asyncApi))
})

t.test('a field is said to be there always only when every form of the message has it', async t => {
  const online = { type: 'object', properties: { state: { const: 'on' }, since: { type: 'number' } } }
  const rows = fieldRows({
    oneOf: [
      { ...online, required: ['state', 'since'] },
      { type: 'object', properties: { state: { const: 'off' } }, required: ['state'] },
    ],
  })
  t.match(rows, [
    { path: 'state', type: '`on` or `off`', always: true },
    { path: 'since', type: 'number', always: false },
  ])
})

t.test('fields inside objects, arrays and maps are named by their path', async t => {
  const inner = { type: 'object', properties: { x: { type: 'integer', minimum: 0 } }, required: ['x'] }
  const rows = fieldRows({
    type: 'object',
    properties: {
      list: { type: 'array', items: inner },
      map: { type: 'object', additionalProperties: { type: 'number', minimum: 0, maximum: 1 } },
      maybe: { anyOf: [inner, { type: 'null' }], description: 'null: none' },
    },
    required: ['list', 'map', 'maybe'],
  })
  t.strictSame(
    rows.map(({ path, type }) => [path, type]),
    [
      ['list', 'array of object'],
      ['list[].x', 'integer ≥ 0'],
      ['map', 'object'],
      ['map.<name>', 'number 0 … 1'],
      ['maybe', 'object or null'],
      ['maybe.x', 'integer ≥ 0'],
    ],
  )
})
