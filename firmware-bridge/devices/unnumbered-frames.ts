import type { Microseconds } from '../../ecg/units.js'
import { createArrivalTimeline } from './arrival-timeline.js'
import type { DriverConnection, DriverIdentity, DriverLink } from './driver.js'
import { createFrameScanner, type FrameMatch } from './frame-scanner.js'
import { createSampleBatch, type SampleBatch } from './sample-batch.js'

/** Frames of one length, one sample each, that carry neither number nor time. */
export interface UnnumberedFrames {
  readonly identity: Omit<DriverIdentity, 'id'>
  readonly frameBytes: number
  /** Bytes that `match` wants to see at most. */
  readonly lookAhead: number
  readonly match: FrameMatch
  /** Adds the frame at `from` to the batch as sample `index`. */
  take(buffer: Uint8Array, from: number, batch: SampleBatch, index: number, arrived: Microseconds): void
}

/**
 * Time: arrival of the last byte stands for the last sample; the uncertainty says so.
 * Loss: where the framing breaks, what is missing is counted from the bytes skipped, which is exact while less than a frame is
 * lost at a time, and bounded by the time that has passed. Whole frames lost without a trace are estimated from arrival, within
 * a few seconds, when they exceed 50 ms; shorter losses cannot be told from delay.
 */
export function connectUnnumberedFrames(link: DriverLink, frames: UnnumberedFrames): DriverConnection {
  const { identity, frameBytes, take } = frames
  const { counters } = link
  const timeline = createArrivalTimeline(identity.rate)
  const batch = createSampleBatch(identity.channels.length, link.samples)
  let next: number | undefined
  let newestAt = 0 as Microseconds

  const scanner = createFrameScanner(frames.lookAhead, frames.match, ({ buffer, from, skipped, after, arrived }) => {
    if (next === undefined) next = begin()
    else if (skipped > 0) {
      counters.badFrames++
      const newest = next + Math.floor(after / frameBytes)
      next += lost(Math.min(Math.ceil(skipped / frameBytes), timeline.room(newest, arrived)))
    }
    counters.packets++
    newestAt = arrived
    take(buffer, from, batch, next++, arrived)
  })

  function begin(): number {
    link.identified({ ...identity, id: link.id })
    link.remark('it numbers no samples, so losses are estimated')
    return 0
  }

  function lost(samples: number): number {
    counters.lostPackets += samples
    return samples
  }

  return {
    received(bytes, arrived) {
      const before = counters.packets
      scanner.push(bytes, arrived)
      batch.flush()
      if (next !== undefined && counters.packets > before) next += lost(timeline.add(next - 1, newestAt))
    },
    tick() {},
    stop() {},
    timeOf: timeline.timeOf,
  }
}
