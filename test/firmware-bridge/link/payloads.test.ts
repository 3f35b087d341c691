import { encode } from 'cborg'
import fc from 'fast-check'
import t from 'tap'
import { Microseconds, SampleIndex } from '../../../ecg/units.js'
import { decodeAck, describeAck, encodeAck } from '../../../firmware-bridge/link/acknowledgement.js'
import { decodeEvent, encodeEvent } from '../../../firmware-bridge/link/event.js'
import { decodeHello, encodeHello, type Hello } from '../../../firmware-bridge/link/hello.js'
import { objectionTo } from '../../../firmware-bridge/link/hello-objection.js'
import { MAX_PAYLOAD_BYTES } from '../../../firmware-bridge/link/packet.js'
import { decodeSampleRange, encodeSampleRange } from '../../../firmware-bridge/link/sample-range.js'
import { decodeSamples, encodeSamples } from '../../../firmware-bridge/link/samples.js'
import { decodeStatus, encodeStatus } from '../../../firmware-bridge/link/status.js'
import {
  decodeTimeRequest,
  decodeTimeResponse,
  encodeTimeRequest,
  encodeTimeResponse,
} from '../../../firmware-bridge/link/time-exchange.js'

const HELLO: Hello = {
  id: 'ecg-1',
  model: 'm',
  firmware: '1.2.3',
  boot: 7,
  rateMilliHz: 500_000,
  lsbPicovolts: 1_000_000,
  leads: ['I', 'II'],
  retain: 100,
  capabilities: ['time'],
}

const values = new Int32Array(MAX_PAYLOAD_BYTES)

t.test('sample values of both widths come back with their sign', async () => {
  const width = fc.constantFrom(2 as const, 3 as const)
  fc.assert(
    fc.property(
      width,
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 41 }),
      fc.infiniteStream(fc.integer()),
      (width, channels, count, stream) => {
        const shift = 32 - 8 * width
        const sent = Int32Array.from({ length: channels * count }, () => (stream.next().value! << shift) >> shift)
        const samples = {
          first: 2 ** 40 + 1,
          count,
          channels,
          electrodesOff: 0x3ff,
          retransmission: true,
          saturated: false,
          values: sent,
        }
        const decoded = decodeSamples(encodeSamples(samples, width), values)!
        const received = decoded.values.subarray(0, sent.length)
        return (
          Buffer.from(sent.buffer).equals(Buffer.from(Int32Array.from(received).buffer)) &&
          JSON.stringify({ ...decoded, values: 0 }) === JSON.stringify({ ...samples, values: 0 })
        )
      },
    ),
  )
})

t.test('no payload makes a decoder throw', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: MAX_PAYLOAD_BYTES }), payload => {
      decodeSamples(payload, values)
      decodeAck(payload)
      decodeEvent(payload)
      decodeHello(payload)
      decodeSampleRange(payload)
      decodeStatus(payload)
      decodeTimeRequest(payload)
      decodeTimeResponse(payload)
    }),
    { numRuns: 2000 },
  )
})

t.test('small payloads come back', async t => {
  const time = { t0: Microseconds(1), t1: Microseconds(2 ** 40), t2: Microseconds(2 ** 40 + 5) }
  t.same(decodeTimeResponse(encodeTimeResponse(time)), time)
  t.equal(decodeTimeRequest(encodeTimeRequest(Microseconds(77))), 77)
  t.same(decodeSampleRange(encodeSampleRange({ first: 9, count: 2 ** 32 - 1 })), { first: 9, count: 2 ** 32 - 1 })
  t.same(decodeEvent(encodeEvent({ sample: SampleIndex(5), kind: 'shock' })), { sample: 5, kind: 'shock' })
  t.same(decodeAck(encodeAck({ type: 3, status: 1 })), { type: 3, status: 1 })
  const status = { battery: 80, temperatureC: 36.5, dropped: 3, uptimeMs: 5_000_000_000 }
  t.same(decodeStatus(encodeStatus(status)), status)
  t.same(decodeHello(encodeHello(HELLO)), HELLO)
})

t.test('a device that answers before it was asked, or in 285 years, is not believed', async t => {
  const answer = (t1: number, t2: number) =>
    decodeTimeResponse(encodeTimeResponse({ t0: Microseconds(0), t1: Microseconds(t1), t2: Microseconds(t2) }))
  t.equal(answer(10, 9), undefined)
  t.equal(answer(10, 2 ** 53), undefined)
  t.ok(answer(10, 10))
})

t.test('a status keeps what is in range and nothing else', async t => {
  t.same(decodeStatus(encode({ battery: 101, temperature_c: 20, dropped: -1, uptime_ms: 'x', more: [1] })), {
    temperatureC: 20,
  })
  t.equal(decodeStatus(encode([1])), undefined)
})

t.test('a refusal is told in words', async t => {
  t.equal(describeAck({ type: 3, status: 1 }), 'the device did not take START: it is busy')
  t.match(describeAck({ type: 0x50, status: 9 }), /0x50.*unknown status 9/)
})

t.test('a HELLO with a key missing, or of another type, is none', async t => {
  const map = { id: 'a', model: '', fw: '', boot: 1, rate_mhz: 1, lsb_pv: 1, leads: [], retain: 0, caps: [] }
  t.ok(decodeHello(encode(map)))
  t.ok(decodeHello(encode({ ...map, later: { unknown: true } })), 'unknown keys are ignored')
  for (const key of Object.keys(map)) {
    const { [key]: _, ...without } = map as Record<string, unknown>
    t.equal(decodeHello(encode(without)), undefined, `without ${key}`)
    t.equal(decodeHello(encode({ ...map, [key]: { no: 1 } })), undefined, `${key} is a map`)
  }
  for (const boot of [-1, 1.5, 2 ** 32, 2n ** 63n])
    t.equal(decodeHello(encode({ ...map, boot })), undefined, `boot ${boot}`)
})

t.test('a HELLO that nobody can work with is refused with its reason', async t => {
  t.equal(objectionTo(HELLO), undefined)
  const objections: [Partial<Hello>, RegExp][] = [
    [{ id: '' }, /id/],
    [{ id: 'x'.repeat(65) }, /id/],
    [{ id: 'a\nb' }, /id/],
    [{ model: 'x'.repeat(900) }, /model/],
    [{ rateMilliHz: 0 }, /rate_mhz 0/],
    [{ rateMilliHz: 0xffff_ffff }, /rate_mhz/],
    [{ lsbPicovolts: 0 }, /lsb_pv/],
    [{ leads: [] }, /no leads/],
    [{ leads: Array(65).fill('I') }, /leads/],
    [{ leads: [''] }, /leads/],
    [{ capabilities: Array(65).fill('x') }, /caps/],
  ]
  for (const [change, reason] of objections)
    t.match(objectionTo({ ...HELLO, ...change }), reason, JSON.stringify(change).slice(0, 40))
})
