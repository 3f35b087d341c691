import { existsSync, readFileSync } from 'node:fs'
import { decode } from 'cborg'
import t from 'tap'
import { Microseconds, SampleIndex } from '../../../ecg/units.js'
import { decodeAck, encodeAck } from '../../../firmware-bridge/link/acknowledgement.js'
import { encodeFrame } from '../../../firmware-bridge/link/cobs.js'
import { decodeEvent, encodeEvent } from '../../../firmware-bridge/link/event.js'
import { createFramer } from '../../../firmware-bridge/link/framer.js'
import { decodeHello, encodeHello } from '../../../firmware-bridge/link/hello.js'
import { decodePacket, encodePacket, MAX_PAYLOAD_BYTES, PacketType } from '../../../firmware-bridge/link/packet.js'
import { decodeSampleRange, encodeSampleRange } from '../../../firmware-bridge/link/sample-range.js'
import { decodeSamples, encodeSamples, type ValueBytes } from '../../../firmware-bridge/link/samples.js'
import { decodeStatus, encodeStatus } from '../../../firmware-bridge/link/status.js'
import {
  decodeTimeRequest,
  decodeTimeResponse,
  encodeTimeRequest,
  encodeTimeResponse,
} from '../../../firmware-bridge/link/time-exchange.js'

/** Written by firmware-bridge/vectors/make_ecg_link_vectors.py, which shares no code with this implementation. */
const FILE = 'firmware-bridge/vectors/ecg-link.json'

interface Vector {
  name: string
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: a vector's fields are whatever its type has
  fields: any
  packet: string
  frame: string
  decodeOnly?: boolean
}
interface Vectors {
  packets: Vector[]
  invalid: { name: string; frame: string; reason: string }[]
  streams: { name: string; bytes: string; packets: string[]; bad: number }[]
}

if (!existsSync(FILE)) throw new Error(`${FILE} is missing: run the tests from the top of the checkout`)
const vectors: Vectors = JSON.parse(readFileSync(FILE, 'utf8'))

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const values = new Int32Array(MAX_PAYLOAD_BYTES)

function packetsIn(stream: Uint8Array) {
  const packets: Uint8Array[] = []
  let bad = 0
  createFramer({ frame: packet => packets.push(Uint8Array.from(packet)), badFrame: () => bad++ }).push(stream)
  return { packets, bad }
}

interface Codec {
  decode(payload: Uint8Array): unknown
  encode(fields: Vector['fields'], decoded: never): Uint8Array
  /** The vector's fields in our words. */
  expect(fields: Vector['fields']): unknown
}

const range: Codec = {
  decode: decodeSampleRange,
  encode: (_, decoded) => encodeSampleRange(decoded),
  expect: f => ({ first: Number(f.first), count: f.count }),
}
const KINDS = ['', 'button', 'pacer', 'shock']

const CODECS: Record<string, Codec> = {
  HELLO: {
    decode: decodeHello,
    encode: (_, decoded) => encodeHello(decoded),
    expect: ({ map }) => ({
      id: map.id,
      model: map.model,
      firmware: map.fw,
      boot: map.boot,
      rateMilliHz: map.rate_mhz,
      lsbPicovolts: map.lsb_pv,
      leads: map.leads,
      retain: map.retain,
      capabilities: map.caps,
    }),
  },
  ACK: {
    decode: decodeAck,
    encode: (_, decoded) => encodeAck(decoded),
    expect: f => ({ type: f.acknowledged, status: f.status }),
  },
  SAMPLES: {
    decode(payload) {
      const samples = decodeSamples(payload, values)
      return samples && { ...samples, values: [...values.subarray(0, samples.count * samples.channels)] }
    },
    encode: (f, decoded) => encodeSamples(decoded, f.bytesPerValue as ValueBytes),
    expect: f => ({
      first: Number(f.first),
      count: f.count,
      channels: f.channels,
      electrodesOff: f.electrodesOff,
      retransmission: (f.flags & 1) === 1,
      saturated: (f.flags & 2) === 2,
      values: f.values,
    }),
  },
  RESEND: range,
  LOST: range,
  TIME_REQ: {
    decode: decodeTimeRequest,
    encode: f => encodeTimeRequest(Microseconds(Number(f.t0))),
    expect: f => Number(f.t0),
  },
  TIME_RSP: {
    decode: decodeTimeResponse,
    encode: (_, decoded) => encodeTimeResponse(decoded),
    expect: f => ({ t0: Number(f.t0), t1: Number(f.t1), t2: Number(f.t2) }),
  },
  STATUS: {
    decode: decodeStatus,
    encode: (_, decoded) => encodeStatus(decoded),
    expect: ({ map }) => ({
      ...('battery' in map && { battery: map.battery }),
      ...('temperature_c' in map && { temperatureC: map.temperature_c }),
      ...('dropped' in map && { dropped: map.dropped }),
      ...('uptime_ms' in map && { uptimeMs: map.uptime_ms }),
    }),
  },
  EVENT: {
    decode: decodeEvent,
    encode: f => encodeEvent({ sample: SampleIndex(Number(f.sample)), kind: KINDS[f.kind] as 'button' }),
    expect: f => ({ sample: Number(f.sample), kind: KINDS[f.kind] }),
  },
  SMP: { decode: payload => hexOf(payload), encode: f => bytesOf(f.smp), expect: f => f.smp },
}
const EMPTY: Codec = { decode: hexOf, encode: () => new Uint8Array(0), expect: () => '' }
for (const type of ['HELLO_REQ', 'START', 'STOP']) CODECS[type] = EMPTY

const TYPES: Record<string, number> = {
  HELLO: PacketType.Hello,
  HELLO_REQ: PacketType.HelloRequest,
  START: PacketType.Start,
  STOP: PacketType.Stop,
  ACK: PacketType.Ack,
  SAMPLES: PacketType.Samples,
  RESEND: PacketType.Resend,
  LOST: PacketType.Lost,
  TIME_REQ: PacketType.TimeRequest,
  TIME_RSP: PacketType.TimeResponse,
  STATUS: PacketType.Status,
  EVENT: PacketType.Event,
  SMP: PacketType.Smp,
}

/** A u64 that a double does not hold: refused, because no device has run for 285 years (u64.ts). */
const beyondDouble = ({ fields }: Vector) =>
  ['clock', 'first', 't0', 't1', 't2', 'sample'].some(key => Number(fields[key] ?? 0) > Number.MAX_SAFE_INTEGER)

for (const vector of vectors.packets) {
  t.test(`packet: ${vector.name}`, async t => {
    const { packets, bad } = packetsIn(bytesOf(vector.frame))
    t.same([packets.length, bad], [1, 0])
    t.equal(hexOf(packets[0]!), vector.packet)
    const packet = decodePacket(packets[0]!)
    const codec = CODECS[vector.type]!
    if (typeof packet !== 'object') {
      t.ok(beyondDouble(vector), 'only a clock beyond 2^53 is refused')
      return
    }
    t.match(packet, {
      type: TYPES[vector.type],
      sequence: vector.fields.sequence,
      time: Number(vector.fields.clock),
    })
    const decoded = codec.decode(packet.payload)
    if (beyondDouble(vector)) {
      if (vector.type !== 'TIME_REQ') t.equal(decoded, undefined, 'refused')
      return
    }
    t.same(decoded, codec.expect(vector.fields))
    if (vector.decodeOnly) return
    const payload = codec.encode(vector.fields, decoded as never)
    const encoded = encodePacket(packet.type, packet.sequence, packet.time, payload)
    t.equal(hexOf(encoded), vector.packet, 'encodes to the same bytes')
    t.equal(hexOf(encodeFrame(encoded)), vector.frame, 'and to the same frame')
  })
}

for (const { name, frame, reason } of vectors.invalid) {
  t.test(`invalid: ${name}`, async t => {
    const { packets, bad } = packetsIn(bytesOf(frame))
    const packet = packets[0] && decodePacket(packets[0])
    if (reason === 'cobs' || reason === 'too-long') t.ok(bad === 1 || packet === 'bad')
    else if (reason === 'crc' || reason === 'too-short') t.equal(packet, 'bad')
    else if (reason === 'version') t.type(packet, 'number')
    else if (typeof packet === 'object') {
      const type = Object.keys(TYPES).find(name => TYPES[name] === packet.type)
      if (reason === 'type') t.equal(type, undefined)
      else if (type === 'SMP') t.pass('the payload is for the firmware update to judge', { skip: 'not read here' })
      else t.equal(CODECS[type!]!.decode(packet.payload), undefined)
    } else t.fail(`${reason}, but it was ${packet}`)
  })
}

for (const { name, bytes, packets: names, bad } of vectors.streams) {
  t.test(`stream: ${name}`, async t => {
    const frames = packetsIn(bytesOf(bytes))
    const good = frames.packets.filter(packet => typeof decodePacket(packet) === 'object')
    t.same(
      good.map(hexOf),
      names.map(wanted => vectors.packets.find(vector => vector.name === wanted)!.packet),
    )
    t.equal(frames.bad + frames.packets.length - good.length, bad)
  })
}

t.test('HELLO is canonical CBOR', async t => {
  const vector = vectors.packets.find(({ name }) => name === 'hello')!
  t.same(decode(bytesOf(vector.packet).subarray(12, -4)), vector.fields.map)
})
