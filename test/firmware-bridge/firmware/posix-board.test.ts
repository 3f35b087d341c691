import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import t, { type Test } from 'tap'
import { SampleIndex } from '../../../ecg/units.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { account, type BoardHost, listenTo, makeBoard, posixBoard } from './board-host.js'

const skip = makeBoard('posix', ['cc'])

const RECORD_SAMPLES = 777
const CHANNELS = 8
const LEADS = ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6']

/** A 12-lead record in the order of PTB-XL, of numbers that tell which sample and lead they are of. */
function writeRecord(folder: string): number[][] {
  const names = ['I', 'II', 'III', 'AVR', 'AVL', 'AVF', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6']
  const random = createRandom(3)
  const rows = Array.from({ length: RECORD_SAMPLES }, () => names.map(() => Math.floor(random() * 65_535) - 32_767))
  const signals = Buffer.alloc(RECORD_SAMPLES * names.length * 2)
  rows.flat().forEach((value, i) => {
    signals.writeInt16LE(value, 2 * i)
  })
  const lines = names.map(name => `r.dat 16 1000.0(0)/mV 16 0 0 0 0 ${name}`)
  writeFileSync(join(folder, 'r.hea'), [`r ${names.length} 500 ${RECORD_SAMPLES}`, ...lines, ''].join('\n'))
  writeFileSync(join(folder, 'r.dat'), signals)
  return rows.map(row => LEADS.map(lead => row[names.indexOf(lead)]!))
}

async function startBoard(t: Test, ...options: string[]): Promise<{ board: ChildProcess; host: BoardHost }> {
  const board = spawn(posixBoard, options, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => board.kill())
  const [uri] = (await createInterface(board.stdout!)[Symbol.asyncIterator]().next()).value.split('\n')
  const host = listenTo(uri)
  t.teardown(() => host.stop())
  return { board, host }
}

for (const carrier of [[], ['--tcp', '0']]) {
  const name = carrier.length > 0 ? 'a TCP port' : 'a pseudo-terminal'
  t.test(`the C device streams a record through ${name}, count for count`, { skip }, async t => {
    const folder = mkdtempSync(join(tmpdir(), 'ecgclip-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const record = writeRecord(folder)
    const { host } = await startBoard(t, '--record', join(folder, 'r.hea'), '--id', 'bed-7', ...carrier)
    await host.until(() => host.samples.length > 500)
    t.match(host.identities, [{ id: 'bed-7', rate: 500, lsb: 0.001, channels: LEADS, retain: 5000 }])
    t.strictSame(account(host.samples), { missing: 0, twice: 0 })
    const wrong = host.samples.filter(({ index, values }) =>
      values.some((value, c) => value !== record[index % RECORD_SAMPLES]![c]),
    )
    t.strictSame(wrong, [])
    t.equal(host.samples[0]!.values.length, CHANNELS)
    t.match(host.stream.counters, { badFrames: 0, unknownTypes: 0, lostPackets: 0 })
    const time = host.stream.timeOf(SampleIndex(host.samples[0]!.index))
    t.ok(time && Math.abs(time.utc - Date.now()) < 60_000, 'its clock is fitted to ours')
  })
}

t.test('what lost bytes cost is asked for again, and comes', { skip }, async t => {
  const { host } = await startBoard(t, '--lose', '500', '--seed', '11')
  await host.until(() => host.samples.filter(sample => sample.retransmission).length >= 50)
  const { missing, twice } = account(host.samples)
  t.equal(twice, 0)
  t.equal(missing, host.stream.counters.missingSamples)
  t.ok(host.stream.counters.badFrames > 0)
  t.ok(host.stream.counters.resendRequests > 0)
  const beat = new Map(host.samples.map(({ index, values }) => [index, values.join()]))
  const wrong = host.samples.filter(({ index, values }) => (beat.get(index + 400) ?? values.join()) !== values.join())
  t.strictSame(wrong, [], 'the synthetic beat of 400 samples repeats exactly, resent samples included')
})

t.test('a reboot begins a new boot at sample 0', { skip }, async t => {
  const { board, host } = await startBoard(t)
  await host.until(() => host.samples.length > 200)
  board.kill('SIGUSR2')
  await host.until(() => host.identities.length === 2 && host.samples.length > 100)
  t.not(host.identities[1]!.boot, host.identities[0]!.boot)
  t.equal(host.identities[1]!.id, host.identities[0]!.id)
  t.equal(host.stream.counters.reboots, 1)
  t.equal(account(host.samples).missing, 0)
})

t.test("the patient's button is an event at a sample", { skip }, async t => {
  const { board, host } = await startBoard(t)
  await host.until(() => host.samples.length > 0)
  const before = host.samples.at(-1)!.index
  board.kill('SIGUSR1')
  await host.until(() => host.events.length > 0)
  t.equal(host.events[0]!.kind, 'button')
  t.ok(host.events[0]!.sample > before)
})

t.test('a host that has gone is forgotten, and the next one is served', { skip }, async t => {
  const { host } = await startBoard(t)
  await host.until(() => host.samples.length > 100)
  const last = host.samples.at(-1)!.index
  await host.stop()
  const second = listenTo(host.stream.uri)
  t.teardown(() => second.stop())
  await second.until(() => second.samples.length > 100)
  t.equal(second.identities[0]!.boot, host.identities[0]!.boot)
  t.ok(second.samples[0]!.index > last, 'the index went on while nobody listened')
  t.equal(account(second.samples).missing, 0)
})
