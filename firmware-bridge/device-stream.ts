import type { Hertz, Microseconds, Millivolts, SampleIndex, UnixMillis } from '../ecg/units.js'

/**
 * The seam between the firmware bridge and the gateway: what every device, whatever its protocol and carrier, says.
 * Drivers produce it; windows, device state and alerts consume it. Nothing here knows about bytes or about MQTT.
 */

/** Who is at the other end of the cable, since its last boot. */
export interface DeviceIdentity {
  /** Unique per device, for its life. Part of MQTT topics, so carried through `topicSegment` there. */
  readonly id: string
  readonly model: string
  readonly firmware: string
  /** Random per boot: a new value means that sample index and device clock began again. */
  readonly boot: number
  /** Nominal sampling rate. */
  readonly rate: Hertz
  /** Amplitude of one count. */
  readonly lsb: Millivolts
  /** Channel names in the order of `SampleBlock.values`; usually leads, but any other name is allowed and ignored. */
  readonly channels: readonly string[]
  /** Samples that the device keeps for retransmission; 0 = none. */
  readonly retain: number
  readonly capabilities: readonly string[]
}

/** Consecutive samples of all channels. */
export interface SampleBlock {
  readonly first: SampleIndex
  readonly count: number
  readonly channels: number
  /**
   * `count × channels` values in LSB, sample-major: value of channel c at sample s is `values[s * channels + c]`.
   * Borrowed: valid only until the listener returns, because the decoder reuses the array. May be longer than needed.
   */
  readonly values: Int32Array
  /** Bit n = electrode n of `ELECTRODES` is off. */
  readonly electrodesOff: number
  readonly saturated: boolean
  /** The device sends this again; fills a gap, never new time. */
  readonly retransmission: boolean
  /** When the last byte of the packet reached the host (host monotonic clock). */
  readonly arrived: Microseconds
}

/**
 * connecting: the carrier is being opened or the device has not said HELLO · connected: identified, not yet streaming ·
 * streaming · stalled: streaming, but silent for 2 s · lost: the carrier is gone or closed; it is reopened for ever.
 */
export type DeviceState = 'connecting' | 'connected' | 'streaming' | 'stalled' | 'lost'

export interface DeviceStatus {
  readonly battery?: number
  readonly temperatureC?: number
  readonly dropped?: number
  readonly uptimeMs?: number
}

export type DeviceEventKind = 'button' | 'pacer' | 'shock'

/** Everything is told on the event loop, in order, without being awaited. */
export interface DeviceListener {
  /**
   * First contact, and again after every reboot (`boot` differs from the last one). Comes before any sample of that boot;
   * until it returns, `timeOf` answers for the boot that ended.
   */
  identified(identity: DeviceIdentity): void
  samples(block: SampleBlock): void
  state(state: DeviceState, reason: string): void
  status(status: DeviceStatus): void
  event(kind: DeviceEventKind, sample: SampleIndex): void
}

/** Counted since the stream was made; only ever rising, also across reconnects. */
export interface LinkCounters {
  bytes: number
  packets: number
  /** Frames dropped because COBS, length or CRC did not hold. */
  badFrames: number
  /** Valid packets of a type that this version does not know. */
  unknownTypes: number
  /** Packet sequence numbers that never arrived. */
  lostPackets: number
  /** Samples that a packet carried although they had been received before. */
  duplicateSamples: number
  /** Sample indices skipped by the stream, less those that came later. */
  missingSamples: number
  resendRequests: number
  reboots: number
  reopens: number
}

/** Where every stream begins to count. */
export function noneCounted(): LinkCounters {
  return {
    bytes: 0,
    packets: 0,
    badFrames: 0,
    unknownTypes: 0,
    lostPackets: 0,
    duplicateSamples: 0,
    missingSamples: 0,
    resendRequests: 0,
    reboots: 0,
    reopens: 0,
  }
}

/** What has been counted since it stood at `before`. */
export function countedSince(before: LinkCounters, now: LinkCounters): LinkCounters {
  const counters = { ...now }
  for (const name of Object.keys(before) as (keyof LinkCounters)[]) counters[name] -= before[name]
  return counters
}

/** Where a sample lies in UTC, and how far off that may be (half-width of a 95 % interval, ms). */
export interface SampleTime {
  readonly utc: UnixMillis
  readonly uncertaintyMs: number
}

/** How the radio link to a device is, as last asked. */
export interface RadioFigures {
  /** Received signal strength, dBm: −50 is strong, below −85 packets are lost. Undefined until it was read. */
  readonly rssi: number | undefined
  /** ATT MTU, bytes: a packet may be 3 shorter. Undefined where the system does not tell. */
  readonly mtu: number | undefined
}

export interface DeviceStream {
  /** As configured, e.g. `serial:/dev/ttyACM0?baud=921600`; names the device until it has said who it is. */
  readonly uri: string
  readonly counters: Readonly<LinkCounters>
  /** Undefined until the clock has been fitted. */
  timeOf(sample: SampleIndex): SampleTime | undefined
  /** Undefined on a cable and while there is no connection. */
  radio?(): RadioFigures | undefined
  /** Opens the carrier and keeps it open until `stop`. Never throws for a carrier that is not there: that is a state. */
  start(listener: DeviceListener): void
  /** The outcome of the first attempt to open the carrier (rejects with a `TransportError`); later ones are states only. */
  readonly firstOpen: Promise<void>
  /** Tells the device to stop and leaves the carrier to others until `retake`; `reason` is told with the state, "lost". */
  release(reason: string): Promise<void>
  retake(): void
  /** Tells the device to stop, closes the carrier and ends all timers. */
  stop(): Promise<void>
}
