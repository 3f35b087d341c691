import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { encodeFrame } from '../../../firmware-bridge/link/cobs.js'
import { createFramer } from '../../../firmware-bridge/link/framer.js'
import { MAX_PACKET_BYTES } from '../../../firmware-bridge/link/packet.js'
import { scriptedDevice } from './scripted-device.js'

function collect() {
  const packets: Buffer[] = []
  const seen = { bad: 0 }
  const framer = createFramer({
    frame: packet => packets.push(Buffer.from(packet)),
    badFrame: () => {
      seen.bad++
    },
  })
  return { framer, packets, seen }
}

const packet = fc.uint8Array({ minLength: 1, maxLength: MAX_PACKET_BYTES })

t.test('packets come out whole, however the stream is cut into pieces', async () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 5 }), fc.integer({ min: 1, max: 700 }), (packets, piece) => {
      const stream = Buffer.concat(packets.map(encodeFrame))
      const received = collect()
      for (let at = 0; at < stream.length; at += piece) received.framer.push(stream.subarray(at, at + piece))
      return received.seen.bad === 0 && Buffer.concat(received.packets).equals(Buffer.concat(packets))
    }),
  )
})

t.test('after any noise, the first frame behind a delimiter is whole again', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), packet, (noise, packet) => {
      const received = collect()
      received.framer.push(noise)
      received.framer.push(Uint8Array.of(0))
      received.framer.push(encodeFrame(packet))
      return received.packets.at(-1)!.equals(packet)
    }),
  )
})

t.test('a frame with one byte changed, lost or added costs itself and at most its neighbour', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 16, maxLength: 300 }), { minLength: 4, maxLength: 8 }),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.constantFrom('change', 'lose', 'add'),
      fc.integer({ min: 0, max: 255 }),
      (packets, where, harm, byte) => {
        const stream = [...Buffer.concat(packets.map(encodeFrame))]
        const at = Math.floor(where * stream.length)
        stream.splice(at, harm === 'add' ? 0 : 1, ...(harm === 'lose' ? [] : [byte]))
        const received = collect()
        received.framer.push(Uint8Array.from(stream))
        const whole = packets.filter(packet => received.packets.some(other => other.equals(packet)))
        return whole.length >= packets.length - 2
      },
    ),
  )
})

t.test('delimiters repeated are no frames, and a longer packet than any is dropped', async t => {
  const received = collect()
  received.framer.push(new Uint8Array(10))
  t.same([received.packets.length, received.seen.bad], [0, 0])
  received.framer.push(encodeFrame(new Uint8Array(MAX_PACKET_BYTES + 1).fill(7)))
  t.same([received.packets.length, received.seen.bad], [0, 1])
  received.framer.push(encodeFrame(new Uint8Array(MAX_PACKET_BYTES).fill(7)))
  t.same([received.packets.length, received.seen.bad], [1, 1])
})

t.test('a reset forgets what has begun', async t => {
  const received = collect()
  received.framer.push(Uint8Array.of(5, 1, 2))
  received.framer.reset()
  received.framer.push(encodeFrame(Uint8Array.of(1, 0, 2)))
  t.same(received.packets, [Buffer.of(1, 0, 2)])
  t.equal(received.seen.bad, 0)
})

/** What is still in use, garbage aside. */
function memory() {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage()
}

t.test('50 MB of random bytes leave framer and session as they were', async t => {
  const random = createRandom(7)
  const noise = Uint8Array.from({ length: 1 << 20 }, () => random() * 256)
  const device = scriptedDevice()
  device.streaming()
  const framer = createFramer({
    frame: packet => device.host.packet(packet, device.now),
    badFrame: () => device.host.badFrame(),
  })
  framer.push(noise)
  const before = memory()
  for (let megabyte = 0; megabyte < 50; megabyte++) framer.push(noise)
  const after = memory()
  t.ok(device.counters.badFrames > 50 * 1000, 'the noise did have frames in it')
  t.match(device.counters, { packets: 1, missingSamples: 0 })
  t.ok(after.heapUsed - before.heapUsed < 2e6, `heap grew by ${after.heapUsed - before.heapUsed} bytes`)
  t.ok(after.arrayBuffers - before.arrayBuffers < 1e6, 'no buffers were kept')
  device.samples(0, 10)
  t.equal(device.blocks.length, 1, 'and it still works')
})
