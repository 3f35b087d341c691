import { encodeFrame } from '../link/cobs.js'
import { createFramer } from '../link/framer.js'
import { MAX_PAYLOAD_BYTES } from '../link/packet.js'
import { SAMPLES_HEADER_BYTES } from '../link/samples.js'
import { monotonicNow } from '../transport/monotonic-now.js'
import type { DeviceCarrier, HostBytes } from './device-carrier.js'
import { createDeviceSession, type DeviceOptions, type DeviceSession } from './device-session.js'
import { openPseudoTerminal, type PseudoTerminal } from './pseudo-terminal.js'
import { listenTcp } from './tcp-listener.js'

/** How often it looks whether a block is complete, ms: well under the 28 ms of 14 samples at 500 Hz. */
const TICK = 5

/** A device that runs by itself, in real time, on a carrier that a host can open. */
export interface VirtualDevice<Carrier extends DeviceCarrier = DeviceCarrier> {
  readonly carrier: Carrier
  readonly session: DeviceSession
  /** Ends its timer and closes the carrier. */
  stop(): Promise<void>
}

export type VirtualDeviceOptions = Partial<Omit<DeviceOptions, 'source'>> & Pick<DeviceOptions, 'source'>

/** A device on a pseudo-terminal; a host opens `carrier.path`. */
export async function startDeviceOnPty(options: VirtualDeviceOptions): Promise<VirtualDevice<PseudoTerminal>> {
  return startDevice(options, received => openPseudoTerminal(received))
}

/** A device behind a TCP port; port 0 takes a free one. */
export async function startDeviceOnTcp(options: VirtualDeviceOptions, host: string, port: number) {
  return startDevice(options, received => listenTcp(host, port, received))
}

export async function startDevice<Carrier extends DeviceCarrier>(
  options: VirtualDeviceOptions,
  openCarrier: (received: HostBytes) => Carrier | Promise<Carrier>,
): Promise<VirtualDevice<Carrier>> {
  const framer = createFramer({
    frame: packet => session.packet(packet, monotonicNow()),
    badFrame: () => {}, // as the real ones: the host will ask again
  })
  const carrier = await openCarrier(bytes => framer.push(bytes))
  const session = createDeviceSession(withDefaults(options), monotonicNow(), packet =>
    carrier.write(encodeFrame(packet)),
  )
  const timer = setInterval(() => session.tick(monotonicNow(), carrier.ready), TICK)

  async function stop() {
    clearInterval(timer)
    await carrier.close()
  }

  return { carrier, session, stop }
}

/** The defaults are those of an 8-channel front end on a UART; of more channels a packet holds fewer samples. */
export function withDefaults(options: VirtualDeviceOptions): DeviceOptions {
  const { source, valueBytes = 3 } = options
  const fit = Math.floor((MAX_PAYLOAD_BYTES - SAMPLES_HEADER_BYTES) / (source.leads.length * valueBytes))
  return {
    id: 'ecgclip-virtual',
    model: 'virtual front end',
    firmware: '1.0.0',
    boot: Math.floor(Math.random() * 0x1_0000_0000),
    valueBytes,
    samplesPerPacket: Math.max(1, Math.min(14, fit)),
    retain: 5_000,
    capabilities: ['resend', 'time'],
    driftPpm: 0,
    speed: 1,
    electrodesOff: () => 0,
    ...options,
  }
}
