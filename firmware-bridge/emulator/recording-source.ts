import { INDEPENDENT_LEADS, standardLead } from '../../ecg/leads.js'
import { MISSING_COUNT, type RecordedChannel, type Recording } from '../recording/recording.js'
import type { SampleSource } from './sample-source.js'

const PICOVOLTS_PER_MILLIVOLT = 1e9
/** The highest value that SAMPLES can carry (spec/ecg-link.md: 2 or 3 bytes). */
const HIGHEST = 0x7f_ffff

export interface RecordingSourceOptions {
  /** Begin again at the end of the record, without a gap. */
  readonly loop?: boolean
}

/**
 * A record as a front end would measure it: the eight independent leads when it has them, otherwise every channel; in the
 * finest LSB of any channel, so nothing is lost while 24 bits suffice. What the record misses on every channel is lacking here, too; on some of
 * them it is held at the last value.
 */
export function recordingSource(recording: Recording, { loop = false }: RecordingSourceOptions = {}): SampleSource {
  const channels = measured(recording)
  const lsb = commonLsb(channels)
  const rows = channels.map(channel => countsIn(channel, lsb))
  return {
    rate: recording.rate,
    lsbPicovolts: Math.round(lsb * PICOVOLTS_PER_MILLIVOLT),
    leads: channels.map(({ name }) => standardLead(name) ?? name),
    lacks: sample => channels.every(({ counts }) => counts[sample % recording.samples] === MISSING_COUNT),
    read(first, count, values) {
      const available = loop ? count : Math.max(0, Math.min(count, recording.samples - first))
      for (const [c, row] of rows.entries())
        for (let s = 0; s < available; s++) values[s * rows.length + c] = row[(first + s) % recording.samples]!
      return available
    },
  }
}

function measured({ channels }: Recording): readonly RecordedChannel[] {
  const independent = INDEPENDENT_LEADS.map(lead => channels.find(({ name }) => standardLead(name) === lead))
  return independent.every(channel => channel !== undefined) ? independent : channels
}

/** mV; the finest in which every value of every channel fits a packet. A channel that was recorded upside down has a negative one. */
function commonLsb(channels: readonly RecordedChannel[]): number {
  const farthest = ({ counts, baseline }: RecordedChannel) =>
    counts.reduce((most, count) => (count === MISSING_COUNT ? most : Math.max(most, Math.abs(count - baseline))), 0)
  const finest = Math.min(...channels.map(({ lsb }) => Math.abs(lsb)))
  return Math.max(finest, ...channels.map(channel => (Math.abs(channel.lsb) * farthest(channel)) / HIGHEST))
}

function countsIn({ counts, baseline, lsb: own }: RecordedChannel, lsb: number): Int32Array {
  const scale = own / lsb
  let held = 0
  return counts.map(count => {
    if (count !== MISSING_COUNT) held = Math.round((count - baseline) * scale)
    return held
  })
}
