import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fuzzDriver } from '../../../bench/fuzz-driver.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { countingValue } from '../counting-source.js'
import { createBeat1Driver } from './beat-1.js'
import { driverOptions, hex, range, rig } from './driver-rig.js'

const ROOT = join(import.meta.dirname, '../../../..')
const create = () => createBeat1Driver(driverOptions())

function packet(index: number, value = countingValue(index, 0)): Uint8Array {
  const bytes = Uint8Array.of(0xb1, index, value, value >> 8, 0)
  bytes[4] = bytes.reduce((sum, byte) => sum + byte)
  return bytes
}

t.test('the page shows the driver that is compiled and tested here', async t => {
  const source = readFileSync(join(ROOT, 'test/firmware-bridge/devices/beat-1.ts'), 'utf8')
  const shown = source.replaceAll('../../../firmware-bridge/devices/', './').replaceAll('../../../', '../../')
  const page = readFileSync(join(ROOT, 'docs/adding-a-driver.md'), 'utf8')
  const [, block] = /```ts\n\/\/ firmware-bridge\/devices\/beat-1\.ts\n([\s\S]*?)```/.exec(page) ?? []
  t.equal(block, shown)
})

t.test('the data sheet’s packet', async t => {
  const device = rig(create())
  device.give(hex('b1 00 2e fb da  b1 01 d2 04 88'))
  t.same([...device.samples.values()], [[-1234], [1234]])
  t.match(device.identities, [{ id: 'beat-1-7', channels: ['II'] }])
})

t.test('lost and harmed packets are counted exactly', async t => {
  const device = rig(create())
  const random = createRandom(3)
  for (const index of range(5000)) {
    device.pass(4_000)
    const bytes = packet(index)
    if (index > 0 && random() < 0.2) bytes[3]! ^= 0x10
    if (index === 0 || random() > 0.2) device.give(bytes)
  }
  const last = Math.max(...device.samples.keys())
  t.ok(device.samples.size < 4000)
  t.equal(device.counters.missingSamples, last + 1 - device.samples.size)
  t.ok([...device.samples].every(([index, [value]]) => value === countingValue(index, 0)))
})

t.test('mutated bytes throw nothing', async t => {
  const stream = { name: 'beat-1', driver: create(), rate: 250, perPacket: 1, packet: (n: number) => packet(n) }
  t.same(fuzzDriver(stream, 200_000, 1).exceptions, [])
})
