import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ulid } from 'ulid'
import { Millis } from '../../../ecg/units.js'
import type { TechnicalEvidence } from '../../../gateway/alerts/alert.js'
import type { AlertMessage } from '../../../gateway/mqtt/messages.js'
import { createOutbox, type Outbox } from '../../../gateway/mqtt/outbox.js'
import { type OutboxStore, openOutboxStore } from '../../../gateway/mqtt/outbox-store.js'
import { schemaObjection } from './message-schemas.js'
import { alertOf, hostClock, recordedLog } from './messaging-rig.js'
import { tempFolder } from './temp-folder.js'

const ALL = Number.MAX_SAFE_INTEGER
const MEBIBYTE = 2 ** 20

interface TestOutbox extends Outbox {
  readonly store: OutboxStore
}

async function outboxIn(
  t: Test,
  folder: string,
  capacityBytes = 64 * MEBIBYTE,
  log = recordedLog(),
): Promise<TestOutbox> {
  const store = await openOutboxStore(folder, Millis(10), log)
  const outbox = createOutbox({
    store,
    gateway: 'gw-1',
    topicOf: ({ device, condition }) => `${device}/${condition.key}`,
    capacityBytes,
    clock: hostClock,
    newId: ulid,
    log,
    written: () => {},
  })
  t.teardown(() => outbox.close().catch(() => {}))
  return Object.assign(Object.create(outbox) as Outbox, { store })
}

/** Past the outbox, which takes what it reads out for what is on its way to the broker. */
async function messagesIn(t: Test, { store, flushed }: TestOutbox): Promise<AlertMessage[]> {
  await flushed()
  const messages = (await store.read(0, ALL, ALL)).map(([, text]): AlertMessage => JSON.parse(text))
  const objections = messages.flatMap(message => schemaObjection('alert', message) ?? [])
  if (objections.length > 0) t.fail(objections.join('\n'))
  return messages
}

const seqs = (messages: readonly AlertMessage[]) => messages.map(({ seq }) => seq)

t.test('messages come back in order after a restart, numbered on without a gap', async t => {
  const folder = tempFolder(t)
  const alert = alertOf('d', 'AFIB')
  const first = await outboxIn(t, folder)
  for (const phase of ['start', 'update', 'continue'] as const) first.add(alert(phase))
  t.strictSame(seqs(await messagesIn(t, first)), [1, 2, 3])
  for (const entry of await first.read(0, ALL, 2)) await first.remove(entry)
  await first.close()

  const second = await outboxIn(t, folder)
  t.equal(second.session, 2)
  t.equal(second.depth.messages, 1)
  t.match(second.unfinished, [{ phase: 'continue', condition: { key: 'AFIB' } }])
  second.add(alert('end'))
  const messages = await messagesIn(t, second)
  t.strictSame(
    messages.map(({ seq, session, phase }) => [seq, session, phase]),
    [
      [3, 1, 'continue'],
      [4, 2, 'end'],
    ],
  )
  await second.close()
  t.strictSame((await outboxIn(t, folder)).unfinished, [])
})

t.test('when full it gives up continues first, then the oldest, and says which', async t => {
  const log = recordedLog()
  const outbox = await outboxIn(t, tempFolder(t), MEBIBYTE, log)
  const alert = alertOf('d', 'AFIB')
  for (let i = 0; i < 300; i++) {
    outbox.add(alert('start'))
    outbox.add(alert('continue'))
    if (i % 50 === 0) await outbox.flushed()
  }
  let added = 600
  const phases = async (phase: string) => {
    const messages = await messagesIn(t, outbox)
    return messages.filter(message => message.phase === phase && message.type === 'SA').length
  }
  let continues = await phases('continue')
  while (continues > 0) {
    for (let i = 0; i < 50; i++) outbox.add(alert('start'))
    added += 50
    continues = await phases('continue')
    t.ok(outbox.depth.bytes <= MEBIBYTE)
    if (continues > 0) t.equal(await phases('start'), added - 300, 'no start is given up while there is a continue')
  }
  for (let i = 0; i < 800; i++) outbox.add(alert('start'))
  added += 800
  const messages = await messagesIn(t, outbox)
  t.ok(outbox.depth.bytes <= MEBIBYTE)
  t.ok((await phases('start')) < added - 300, 'starts are, when nothing else is left')

  const overflow = messages.filter(({ condition }) => condition.key === 'OUTBOX_OVERFLOW')
  t.match(overflow[0], { phase: 'start', type: 'ST', priority: 'PL', device: '_gateway' })
  t.ok(overflow.slice(1).every(({ phase, id }) => phase === 'update' && id === overflow[0]!.id))
  const lost = new Set(
    overflow.flatMap(({ evidence }) =>
      (evidence as TechnicalEvidence).lost!.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, i) => from + i),
      ),
    ),
  )
  const present = new Set(seqs(messages))
  const total = added + overflow.length
  t.strictSame(
    Array.from({ length: total }, (_, i) => i + 1).filter(seq => present.has(seq) === lost.has(seq)),
    [],
    'every number is either there or said to be lost, and none is both',
  )
  t.equal(outbox.dropped, lost.size)

  for (const entry of await outbox.read(0, ALL, ALL)) await outbox.remove(entry)
  t.match(await messagesIn(t, outbox), [{ phase: 'end', condition: { key: 'OUTBOX_OVERFLOW' } }])
})

t.test('a store that cannot be read is moved aside and reported, and no number is used twice', async t => {
  const damages: Record<string, (store: string) => void> = {
    'an unreadable CURRENT': store => writeFileSync(join(store, 'CURRENT'), 'rubbish'),
    'a missing MANIFEST': store => {
      for (const file of readdirSync(store).filter(name => name.startsWith('MANIFEST'))) rmSync(join(store, file))
    },
    'a store that is gone': store => rmSync(store, { recursive: true }),
    'a file in its place': store => {
      rmSync(store, { recursive: true })
      writeFileSync(store, 'not a folder')
    },
  }
  for (const [what, damage] of Object.entries(damages)) {
    const folder = tempFolder(t)
    const before = await outboxIn(t, folder)
    for (let i = 0; i < 5; i++) before.add(alertOf('d', 'AFIB')('start'))
    await before.flushed()
    await before.close()
    damage(join(folder, 'outbox'))

    const log = recordedLog()
    const after = await outboxIn(t, folder, MEBIBYTE, log)
    const [message] = await messagesIn(t, after)
    t.match(message, { phase: 'start', type: 'ST', condition: { key: 'OUTBOX_DAMAGED' } }, what)
    t.ok(message!.seq > 5, `${what}: numbering goes on at ${message!.seq}`)
    t.equal(after.session, 2, `${what}: the session too`)
    t.ok(log.lines.some(line => line.startsWith('error') && line.includes('damaged')))
    if (what !== 'a store that is gone') t.ok(existsSync(join(folder, 'outbox.damaged-2')), `${what}: it is kept`)
  }
})

t.test('damage that is found again is told anew, and not ended with what was told of the first', async t => {
  const folder = tempFolder(t)
  const store = join(folder, 'outbox')
  writeFileSync(join(folder, 'sequence.json'), '{"session":1,"seqLimit":1001}')
  const first = await outboxIn(t, folder)
  const [told] = await messagesIn(t, first)
  for (let i = 0; i < 20; i++) first.add(alertOf('d', 'AFIB')('start'))
  await first.flushed()
  await first.close()
  const log = join(store, readdirSync(store).find(name => name.endsWith('.log'))!)
  const bytes = readFileSync(log)
  bytes[bytes.length - 100]! ^= 0x40 // one bit, as a worn flash card turns it
  writeFileSync(log, bytes)

  const second = await outboxIn(t, folder)
  // As the alert engine does with technical alerts of an earlier run.
  for (const last of second.unfinished) second.add({ ...last, phase: 'end', state: 'inactive' })
  const damages = (await messagesIn(t, second)).filter(({ condition }) => condition.key === 'OUTBOX_DAMAGED')
  t.match(damages, [{ phase: 'start', id: told!.id }, { phase: 'end', id: told!.id }, { phase: 'start' }])
  t.equal(second.open.get('_gateway/OUTBOX_DAMAGED')?.id, damages[2]?.id)
})

t.test('a first start that was cut off before anything was written is not taken for damage', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'sequence.json'), '{"session":1,"seqLimit":1}')
  const outbox = await outboxIn(t, folder)
  outbox.add(alertOf('d', 'AFIB')('start'))
  t.strictSame(seqs(await messagesIn(t, outbox)), [1])
})

t.test('the sequence file may be lost while the store is there', async t => {
  const folder = tempFolder(t)
  const before = await outboxIn(t, folder)
  before.add(alertOf('d', 'AFIB')('start'))
  await before.flushed()
  await before.close()
  writeFileSync(join(folder, 'sequence.json'), '{"session":')
  const after = await outboxIn(t, folder)
  after.add(alertOf('d', 'AFIB')('end'))
  t.strictSame(seqs(await messagesIn(t, after)), [1, 2])
  t.equal(after.session, 2)
  t.match(JSON.parse(readFileSync(join(folder, 'sequence.json'), 'utf8')), { session: 2 })
})

t.test('a damaged message is given up, counted and told by its number; those after it are not', async t => {
  const folder = tempFolder(t)
  const store = await openOutboxStore(folder, Millis(10), recordedLog())
  await store.write([{ type: 'put', key: 'm0000000000000001 message 7 d/AFIB', value: '{"seq":' }], 1)
  await store.close()
  const outbox = await outboxIn(t, folder)
  outbox.add(alertOf('d', 'AFIB')('start'))
  await outbox.flushed()
  t.strictSame(
    (await outbox.read(0, ALL, 9)).map(({ seq, message }) => [seq, message?.phase ?? null]),
    [
      [1, null],
      [2, 'start'],
    ],
  )
  const messages = await messagesIn(t, outbox)
  t.match(messages, [
    { seq: 2, condition: { key: 'AFIB' } },
    { seq: 3, phase: 'start', condition: { key: 'OUTBOX_OVERFLOW' }, evidence: { lost: [{ from: 1, to: 1 }] } },
    { seq: 4, phase: 'end', condition: { key: 'OUTBOX_OVERFLOW' } },
  ])
  t.match((messages[1]!.evidence as TechnicalEvidence).detail, /1 because they cannot be read/)
  t.equal(outbox.dropped, 1)
  t.equal(outbox.depth.messages, 3)
})

t.test('a data folder is for one gateway, and must be one that can be written', async t => {
  const folder = tempFolder(t)
  await outboxIn(t, folder)
  await t.rejects(openOutboxStore(folder, Millis(10), recordedLog()), {
    code: 'OUTBOX_LOCKED',
    exitCode: 2,
    message: /another gateway/,
  })
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await t.rejects(openOutboxStore(file, Millis(10), recordedLog()), { code: 'DATA_FOLDER', exitCode: 2 })
})
