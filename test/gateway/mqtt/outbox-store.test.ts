import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Millis } from '../../../ecg/units.js'
import { entryKey } from '../../../gateway/mqtt/outbox-level.js'
import { type OutboxStore, openOutboxStore } from '../../../gateway/mqtt/outbox-store.js'
import { recordedLog } from './messaging-rig.js'
import { tempFolder } from './temp-folder.js'

const MESSAGES = 20

/** A store with some messages, closed, whose log on disk was changed since; opened again. */
async function reopened(t: Test, change: (log: Buffer) => Buffer): Promise<OutboxStore> {
  const folder = tempFolder(t)
  const before = await openOutboxStore(folder, Millis(10), recordedLog())
  for (let seq = 1; seq <= MESSAGES; seq++) {
    const key = entryKey({ seq, kind: 'message', bytes: 500, topic: 'd/AFIB' })
    await before.write([{ type: 'put', key, value: 'x'.repeat(500) }], seq)
  }
  await before.close()
  const outbox = join(folder, 'outbox')
  const log = join(outbox, readdirSync(outbox).find(name => name.endsWith('.log'))!)
  writeFileSync(log, change(readFileSync(log)))
  const after = await openOutboxStore(folder, Millis(10), recordedLog())
  t.teardown(() => after.close())
  return after
}

t.test('a store that lost a part keeps the rest, says so, and uses no number twice', async t => {
  for (const where of [0.1, 0.5, 0.99]) {
    const { seq, damage, found } = await reopened(t, log => {
      log[Math.floor(where * log.length)]! ^= 0x40 // one bit, as a worn flash card turns it
      return log
    })
    t.ok(found.messages > 0 && found.messages < MESSAGES, `${found.messages} of ${MESSAGES} are still there`)
    t.match(damage, /A part of the outbox could not be read/)
    t.ok(seq >= MESSAGES, `numbering goes on after ${seq}`)
  }
})

t.test('a record that a crash cut short was never acknowledged, and is not damage', async t => {
  const { seq, damage } = await reopened(t, log => log.subarray(0, -9))
  t.same({ seq, damage }, { seq: MESSAGES - 1, damage: null })
})
