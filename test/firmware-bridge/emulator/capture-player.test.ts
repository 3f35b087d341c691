import t from 'tap'
import { Microseconds } from '../../../ecg/units.js'
import { createCapturePlayer } from '../../../firmware-bridge/emulator/capture-player.js'
import { encodeFrame } from '../../../firmware-bridge/link/cobs.js'
import { encodeHello } from '../../../firmware-bridge/link/hello.js'
import { encodePacket, PacketType } from '../../../firmware-bridge/link/packet.js'
import { encodeSamples } from '../../../firmware-bridge/link/samples.js'
import { type CaptureEntry, CaptureKind } from '../../../firmware-bridge/recording/capture-format.js'

const device = (at: number, payload: Uint8Array): CaptureEntry => ({
  kind: CaptureKind.FromDevice,
  at: Microseconds(at),
  payload,
})
const host = (at: number): CaptureEntry => ({ kind: CaptureKind.ToDevice, at: Microseconds(at), payload: Buffer.of(0) })

const frame = (type: number, payload?: Uint8Array) => encodeFrame(encodePacket(type, 0, Microseconds(0), payload))
const START = frame(PacketType.Start)
const hello = (boot: number) =>
  frame(
    PacketType.Hello,
    encodeHello({
      id: 'd',
      model: 'm',
      firmware: '1.0.0',
      boot,
      rateMilliHz: 500_000,
      lsbPicovolts: 1,
      leads: ['I'],
      retain: 0,
      capabilities: [],
    }),
  )
const SAMPLES = frame(
  PacketType.Samples,
  encodeSamples(
    {
      first: 0,
      count: 1,
      channels: 1,
      electrodesOff: 0,
      retransmission: false,
      saturated: false,
      values: new Int32Array(1),
    },
    2,
  ),
)

function play(entries: CaptureEntry[], options: { driver?: string; speed?: number } = {}) {
  const sent: Uint8Array[] = []
  const player = createCapturePlayer({ entries, driver: 'cyton', speed: 1, ...options }, bytes => sent.push(bytes))
  return {
    player,
    sent,
    at: (ms: number, present = true, ready?: () => boolean) =>
      player.tick(Microseconds(5e6 + 1000 * ms), present, ready),
  }
}

t.test('each piece as it was, after the same time, from when a host is there', async t => {
  const pieces = [0, 10, 30].map(at => device(900_000 + 1000 * at, Buffer.of(at)))
  const { sent, at, player } = play(pieces)
  at(0, false)
  at(500)
  t.same(sent, [Buffer.of(0)])
  at(509)
  t.equal(sent.length, 1)
  at(510)
  t.equal(sent.length, 2)
  at(529, false)
  t.notOk(player.ended)
  at(531, false)
  t.ok(player.ended, 'also when the host has left')
  t.same(Buffer.concat(sent), Buffer.of(0, 10, 30))
})

t.test('at another speed', async t => {
  const pieces = Array.from({ length: 101 }, (_, i) => device(1000 * i, Buffer.of(i)))
  const { sent, at } = play(pieces, { speed: 10 })
  at(0)
  at(5)
  t.equal(sent.length, 51)
  at(10)
  t.equal(sent.length, 101)
})

t.test('it waits for the first word of a host that spoke first, and for a carrier that is full', async t => {
  const { sent, at, player } = play([host(0), device(1000, Buffer.of(1)), device(2000, Buffer.of(2))])
  at(0)
  at(100)
  t.equal(sent.length, 0)
  player.host(Buffer.of(1))
  at(101)
  at(200, true, () => false)
  t.equal(sent.length, 1, 'the first is due at once')
  at(200)
  t.equal(sent.length, 2)
})

t.test('while it rests no time passes', async t => {
  const { sent, at, player } = play([device(0, Buffer.of(1)), device(50_000, Buffer.of(2))])
  at(0)
  at(20)
  player.rest()
  at(1000)
  at(1029)
  t.equal(sent.length, 1)
  at(1030)
  t.equal(sent.length, 2)
})

t.test(
  'no sample goes out before this host’s START, at any speed, and none after a reboot before its next one',
  async t => {
    const entries = [
      host(0),
      device(1_000, hello(1)),
      host(500_000),
      device(501_000, SAMPLES),
      device(502_000, SAMPLES),
      device(600_000, hello(1)),
      device(601_000, SAMPLES),
      device(700_000, hello(2)),
      host(1_200_000),
      device(1_201_000, SAMPLES),
    ]
    const { sent, at, player } = play(entries, { driver: 'ecg-link', speed: 1000 })
    player.host(frame(PacketType.HelloRequest))
    at(0)
    at(1000)
    t.same(sent, [hello(1)])
    player.host(START.subarray(0, 5))
    at(1001)
    t.equal(sent.length, 1)
    player.host(START.subarray(5))
    at(1002)
    at(2000)
    t.same(sent.slice(1), [SAMPLES, SAMPLES, hello(1), SAMPLES, hello(2)])
    player.host(START)
    at(2001)
    t.equal(sent.length, 7)
    t.ok(player.ended)
  },
)

t.test('ECG Link over BLE is played as frames, another device of BLE by its characteristics', async t => {
  const packet = encodePacket(PacketType.Hello, 0, Microseconds(0))
  const notified = (at: number): CaptureEntry => ({
    kind: CaptureKind.Notified,
    at: Microseconds(at),
    payload: Buffer.concat([Buffer.alloc(16, 0x11), packet]),
  })
  const told: [Uint8Array, string | undefined][] = []
  for (const driver of ['ecg-link', 'polar-h10']) {
    const player = createCapturePlayer({ entries: [notified(0)], driver, speed: 1 }, (bytes, characteristic) =>
      told.push([bytes, characteristic]),
    )
    player.tick(Microseconds(1), true)
    t.ok(player.ended)
  }
  t.same(told, [
    [encodeFrame(packet), undefined],
    [packet, '11111111-1111-1111-1111-111111111111'],
  ])
})
