import { createAds1298Driver } from '../firmware-bridge/devices/ads1298.js'
import { createCytonDriver } from '../firmware-bridge/devices/cyton.js'
import type { Driver } from '../firmware-bridge/devices/driver.js'
import { type DriverOptions, readDriverOptions } from '../firmware-bridge/devices/driver-options.js'
import { createHealthyPiDriver } from '../firmware-bridge/devices/healthypi.js'
import { GSP_NOTIFY } from '../firmware-bridge/devices/movesense/gsp.js'
import { createMovesenseDriver } from '../firmware-bridge/devices/movesense.js'
import { PMD_CONTROL, PMD_DATA } from '../firmware-bridge/devices/polar-h10/pmd.js'
import { createPolarH10Driver } from '../firmware-bridge/devices/polar-h10.js'
import { createRandom } from '../firmware-bridge/emulator/random.js'
import { writeU64 } from '../firmware-bridge/link/u64.js'

/** What is measured: value of a channel at a sample. */
export type ValueAt = (index: number, channel: number) => number

/** Something that looks like a signal: slow, off centre, with noise in its low bits. */
export const wavy: ValueAt = (index, channel) =>
  Math.round(9000 * Math.sin((index + 40 * channel) / 30)) + ((index * 2654435761 + channel * 40503) & 0x3f)

/** What a device of that vendor sends when it is healthy. */
export interface VendorStream {
  readonly name: string
  readonly driver: Driver
  /** Samples per second and per packet. */
  readonly rate: number
  readonly perPacket: number
  /** Packet `n`, which holds samples `n × perPacket` and the ones after it. */
  packet(n: number): Uint8Array
  /** Of a radio: the packet's, and what is answered to commands. */
  readonly characteristic?: string
  readonly answers?: readonly { readonly characteristic: string; readonly bytes: Uint8Array }[]
}

const options = (text = ''): DriverOptions => readDriverOptions('bench:', new URLSearchParams(text))

export const vendorStreams = (value: ValueAt = wavy): readonly VendorStream[] => [
  {
    name: 'ads1298',
    driver: createAds1298Driver(options()),
    rate: 500,
    perPacket: 1,
    packet: n => ads1298Frame(n, value),
  },
  {
    name: 'cyton',
    driver: createCytonDriver(options('leads=I,II,V1,V2,V3,V4,V5,V6')),
    rate: 250,
    perPacket: 1,
    packet: n => cytonPacket(n, value),
    answers: [{ characteristic: '', bytes: CYTON_GREETING }],
  },
  {
    name: 'healthypi',
    driver: createHealthyPiDriver(options()),
    rate: 125,
    perPacket: 1,
    packet: n => healthyPiPacket(value(n, 0)),
  },
  {
    name: 'polar-h10',
    driver: createPolarH10Driver(options()),
    rate: 130,
    perPacket: 73,
    packet: n => polarFrame(n * 73, 73, value),
    characteristic: PMD_DATA,
    answers: [{ characteristic: PMD_CONTROL, bytes: Uint8Array.of(0xf0, 2, 0, 0, 0) }],
  },
  {
    name: 'movesense',
    driver: createMovesenseDriver(options()),
    rate: 128,
    perPacket: 16,
    packet: n => movesensePacket(n * 16, value),
    characteristic: GSP_NOTIFY,
    answers: [
      { characteristic: GSP_NOTIFY, bytes: MOVESENSE_HELLO },
      { characteristic: GSP_NOTIFY, bytes: Uint8Array.of(1, 2, 200, 0) },
    ],
  },
]

export function ads1298Frame(index: number, value: ValueAt, status = 0xc00000): Uint8Array {
  const bytes = new Uint8Array(27)
  bytes.set([status >> 16, status >> 8, status])
  for (let channel = 0; channel < 8; channel++) writeSigned24(bytes, 3 + 3 * channel, value(index, channel))
  return bytes
}

export function cytonPacket(index: number, value: ValueAt, footer = 0xc0): Uint8Array {
  const bytes = new Uint8Array(33)
  bytes.set([0xa0, index & 0xff])
  for (let channel = 0; channel < 8; channel++) writeSigned24(bytes, 2 + 3 * channel, value(index, channel))
  bytes[32] = footer
  return bytes
}

export const CYTON_GREETING = Buffer.from(
  'OpenBCI V3 8-16 channel\nADS1299 Device ID: 0x3E\nLIS3DH Device ID: 0x33\nFirmware: v3.1.1\n$$$',
)

export function healthyPiPacket(ecg: number): Uint8Array {
  const bytes = new Uint8Array(29)
  bytes.set([0x0a, 0xfa, 22, 0, 2])
  new DataView(bytes.buffer).setInt32(5, ecg, true)
  bytes[28] = 0x0b
  return bytes
}

/** The sensor's clock begins where an H10 begins that nobody has set, ns since 2000. */
const POLAR_BEGIN = 599_616_000_000_000_000

/** `clock`: ns since 2000 at sample 0; `rate`: of the sensor's own crystal. */
export function polarFrame(first: number, count: number, value: ValueAt, clock = POLAR_BEGIN, rate = 130): Uint8Array {
  const bytes = new Uint8Array(10 + 3 * count)
  writeU64(new DataView(bytes.buffer), 1, clock + Math.round(((first + count - 1) * 1e9) / rate))
  for (let i = 0; i < count; i++) {
    const micros = value(first + i, 0)
    bytes.set([micros, micros >> 8, micros >> 16], 10 + 3 * i)
  }
  return bytes
}

/** Protocol version; serial number, product, address, application and its version, each ended by NUL. */
export const MOVESENSE_HELLO = Uint8Array.from([
  ...[1, 1, 1],
  ...Buffer.from(['174630000192', 'Movesense', '74-92-BA-10-F7-D3', 'gatt_sensordata', '2.3.1', ''].join('\0')),
])

export function movesensePacket(first: number, value: ValueAt, began = 1000, rate = 128): Uint8Array {
  const bytes = new Uint8Array(2 + 4 + 4 * 16)
  const view = new DataView(bytes.buffer)
  bytes.set([2, 2])
  view.setUint32(2, began + Math.round((first * 1000) / rate), true)
  for (let i = 0; i < 16; i++) view.setInt32(6 + 4 * i, value(first + i, 0), true)
  return bytes
}

function writeSigned24(bytes: Uint8Array, at: number, value: number) {
  bytes.set([value >> 16, value >> 8, value], at)
}

/** Packets in a row with the same chance of being harmed, and the chances: parsers must find their way back in between. */
const STRETCH = 200
const HARM = [0.002, 0.05, 0.9]

/** Harms packets in the ways in which lines, radios and attackers do, the same for the same seed. */
export function createMutation(seed: number): (bytes: Uint8Array) => Uint8Array {
  const random = createRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const anyByte = () =>
    random() < 0.5 ? below(256) : ([0x00, 0xff, 0xa0, 0xc0, 0x0a, 0xfa, 0x24, 0x7f][below(8)] ?? 0)

  let left = 0
  let harm = 0

  return bytes => {
    if (left-- === 0) {
      left = STRETCH
      harm = HARM[below(HARM.length)]!
    }
    if (random() > harm) return bytes
    const at = below(bytes.length)
    switch (below(6)) {
      case 0: {
        const flipped = Uint8Array.from(bytes)
        flipped[at]! ^= 1 << below(8)
        return flipped
      }
      case 1:
        return bytes.map(byte => (random() < 0.2 ? anyByte() : byte))
      case 2:
        return bytes.subarray(0, at)
      case 3:
        return bytes.subarray(at)
      case 4:
        return Uint8Array.from([...bytes, ...bytes.subarray(0, at)])
      default:
        return Uint8Array.from({ length: below(300) }, anyByte)
    }
  }
}
