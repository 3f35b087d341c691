import fc from 'fast-check'
import t from 'tap'
import { encodeFrame } from '../../../firmware-bridge/link/cobs.js'
import { referenceUnstuff } from './reference-receiver.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const run = (length: number) => Uint8Array.from({ length }, (_, i) => (i % 255) + 1)
const join = (...parts: (Uint8Array | number[])[]) => Uint8Array.from(parts.flatMap(part => [...part]))

t.test('the examples of the paper and of its readers', async t => {
  const examples: [string, string][] = [
    ['', '0100'],
    ['00', '010100'],
    ['0000', '01010100'],
    ['00110000', '010211010100'],
    ['11220033', '031122023300'],
    ['11223344', '051122334400'],
    ['11000000', '021101010100'],
  ]
  for (const [packet, frame] of examples)
    t.equal(hex(encodeFrame(Buffer.from(packet, 'hex'))), frame, packet || 'nothing')
})

t.test('blocks end at 254 bytes without a zero, and a full block at the end is not followed by another', async t => {
  t.same(encodeFrame(run(253)), join([254], run(253), [0]))
  t.same(encodeFrame(run(254)), join([255], run(254), [0]))
  t.same(encodeFrame(run(255)), join([255], run(254), [2, 255, 0]))
  t.same(encodeFrame(run(256)), join([255], run(254), [3, 255, 1, 0]))
  t.same(encodeFrame(join(run(254), [0])), join([255], run(254), [1, 1, 0]))
  t.same(encodeFrame(join([0], run(254))), join([1, 255], run(254), [0]))
  t.same(encodeFrame(join(run(253), [0])), join([254], run(253), [1, 0]))
})

t.test('any bytes come back, and there is no zero before the end', async () => {
  const mostlyFew = fc.uint8Array({ maxLength: 1024, max: 255 })
  const longRuns = fc
    .tuple(fc.integer({ min: 240, max: 530 }), mostlyFew)
    .map(([length, tail]) => join(run(length), tail))
  fc.assert(
    fc.property(fc.oneof(mostlyFew, longRuns), packet => {
      const frame = encodeFrame(packet)
      const body = frame.subarray(0, -1)
      return (
        frame.at(-1) === 0 &&
        !body.includes(0) &&
        frame.length <= packet.length + Math.ceil(packet.length / 254) + 2 &&
        Buffer.from(packet).equals(referenceUnstuff(body)!)
      )
    }),
  )
})
