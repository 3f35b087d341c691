import type { LinkCounters, SampleBlock } from '../firmware-bridge/device-stream.js'
import type { DeviceSession } from '../firmware-bridge/emulator/device-session.js'
import type { HostTime } from '../firmware-bridge/link/sample-clock.js'
import type { EcgWindow } from '../gateway/window/ecg-window.js'

/** What a 95 % interval must hold. */
const LEAST_WITHIN = 0.95
/** Faults said one by one; the rest is counted. */
const MOST_SAID = 5

/** The truth about a soaked device, kept beside the host's own account and compared with it. */
export interface SoakAccount {
  /** The host has heard of this boot; all that follows belongs to it. */
  boot(boot: number): void
  /** The device is about to forget when its samples were taken. */
  bootEnds(device: DeviceSession): void
  delivered(block: SampleBlock): void
  /** `time`: where the host says that its first sample lies. */
  window(window: EcgWindow, time: HostTime | undefined, device: DeviceSession): void
  result(counters: LinkCounters): {
    taken: number
    delivered: number
    missing: number
    windows: number
    within: number
    worstMs: number
    faults: string[]
  }
}

/** `valueAt`: of channel `channel` at sample `sample`, in every boot; `most`: samples of the longest boot. */
export function createAccount(valueAt: (sample: number, channel: number) => number, most: number): SoakAccount {
  /** 1 = this sample of the present boot has arrived. */
  const arrived = new Uint8Array(most)
  /** When sample 0 of past boots was taken, and the time between two, µs; the rest follows, because sampling never rests. */
  const past = new Map<number, readonly [number, number]>()
  const total = { taken: 0, delivered: 0, missing: 0, windows: 0, timed: 0, within: 0, worst: 0 }
  const faults: string[] = []
  let present = 0
  let first = 0
  let end = 0
  let count = 0
  let nextWindow = 0

  const fault = (sentence: string) => faults.push(sentence)
  /** The period over all samples: two neighbours differ by it only to what a double resolves, which a day multiplies to milliseconds. */
  const taken = (device: DeviceSession) => {
    const zero = device.timeOf(0)
    return [zero, (device.timeOf(device.next) - zero) / device.next] as const
  }

  function closeBoot() {
    total.missing += end - first - count
    arrived.fill(0, 0, end)
    first = 0
    end = 0
    count = 0
    nextWindow = 0
  }

  function missingIn(from: number, samples: number): number {
    let missing = samples
    for (let s = from; s < from + samples; s++) missing -= arrived[s]!
    return missing
  }

  return {
    boot(boot) {
      closeBoot()
      present = boot
    },
    bootEnds(device) {
      past.set(device.boot, taken(device))
      total.taken += device.next
    },
    delivered(block) {
      if (end === 0) first = block.first
      for (let s = 0; s < block.count; s++) {
        const sample = block.first + s
        if (arrived[sample] === 1) fault(`sample ${sample} of boot ${present} came twice`)
        arrived[sample] = 1
        for (let c = 0; c < block.channels; c++)
          if (block.values[s * block.channels + c] !== valueAt(sample, c)) fault(`sample ${sample} has a wrong value`)
      }
      first = Math.min(first, block.first)
      end = Math.max(end, block.first + block.count)
      count += block.count
      total.delivered += block.count
    },
    window(window, time, device) {
      total.windows++
      if (window.index !== nextWindow) fault(`window ${window.index} came where ${nextWindow} was due`)
      nextWindow = window.index + 1
      const missing = missingIn(window.firstSample, window.samples)
      if (window.missing !== missing) fault(`window ${window.index} says ${window.missing} missing and not ${missing}`)
      if (!time) return
      const [zero, period] = (present === device.boot ? undefined : past.get(present)) ?? taken(device)
      const off = Math.abs(time.at - (zero + window.firstSample * period))
      total.timed++
      if (off <= time.uncertainty) total.within++
      total.worst = Math.max(total.worst, off)
    },
    result(counters) {
      closeBoot()
      const { taken, delivered, missing, windows, timed } = total
      const within = total.within / timed
      if (counters.missingSamples !== missing)
        fault(`the host counts ${counters.missingSamples} missing and not ${missing}`)
      if (counters.duplicateSamples > 0 && counters.resendRequests === 0)
        fault('samples came twice without being asked for')
      if (delivered + missing > taken)
        fault(`${delivered} delivered and ${missing} missing are more than ${taken} taken`)
      if (within < LEAST_WITHIN) fault(`only ${(100 * within).toFixed(1)} % of times lie within their uncertainty`)
      const said = faults.slice(0, MOST_SAID)
      if (faults.length > said.length) said.push(`… and ${faults.length - said.length} more`)
      return { taken, delivered, missing, windows, within, worstMs: total.worst / 1000, faults: said }
    },
  }
}
