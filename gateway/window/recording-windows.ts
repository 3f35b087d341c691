import { Microseconds, Millis, SampleIndex } from '../../ecg/units.js'
import type { SampleBlock } from '../../firmware-bridge/device-stream.js'
import type { Recording } from '../../firmware-bridge/recording/recording.js'
import type { Manifest } from '../../models/bundle/manifest.js'
import type { QualityModel } from '../../models/bundle/quality-model.js'
import type { EcgWindow } from './ecg-window.js'
import { WindowAssembler } from './window-assembler.js'

/**
 * The windows that streaming a record would give, by the same code. A record shorter than a window gives one, incomplete;
 * otherwise what is left over at the end gives none. `completed` is the record's own time.
 */
export function* recordingWindows(
  recording: Recording,
  input: Manifest['input'],
  hop: Millis,
  quality?: QualityModel,
): Generator<EcgWindow> {
  const { rate, channels, samples } = recording
  const assembler = new WindowAssembler({ boot: 0, rate, channels, input, quality, hop, patience: Millis(0) })
  const step = Math.ceil(rate)
  const values = new Int32Array(step * channels.length)
  let windows = 0
  for (let first = 0; first < samples; first += step) {
    const count = Math.min(step, samples - first)
    channels.forEach(({ counts }, c) => {
      for (let s = 0; s < count; s++) values[s * channels.length + c] = counts[first + s]!
    })
    const block: SampleBlock = {
      first: SampleIndex(first),
      count,
      channels: channels.length,
      values,
      electrodesOff: 0,
      saturated: false,
      retransmission: false,
      arrived: Microseconds(((first + count) / rate) * 1e6),
    }
    for (const window of assembler.push(block)) {
      windows++
      yield window
    }
  }
  // With the record's end nothing more comes that a window with a gap could wait for.
  for (const window of assembler.due(Microseconds(Number.POSITIVE_INFINITY))) {
    windows++
    yield window
  }
  if (windows === 0) yield* assembler.close().slice(0, 1)
}
