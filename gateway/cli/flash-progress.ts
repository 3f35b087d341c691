import { MultiBar, type SingleBar } from 'cli-progress'
import type { FlashListener } from '../../firmware-bridge/flash/upgrade-device.js'

/** Over how long the speed is taken, ms: long enough to be calm, short enough to show a cable that got worse. */
const SPEED_OVER = 3_000
const REDRAW_PER_SECOND = 5
const FORMAT = '{device}  {phase} {bar} {percentage} %  {value}/{total} B  {speed} B/s  {remaining} s left'

export interface FlashProgress {
  /** For one device. */
  listenFor(uri: string): FlashListener
  stop(): void
}

/** A bar for each device on a terminal; in a pipe only what is out of the ordinary, on standard error. */
export function createFlashProgress(uris: readonly string[], quiet: boolean): FlashProgress {
  const terminal = process.stderr.isTTY === true && !quiet
  const bars = terminal
    ? new MultiBar({ format: FORMAT, fps: REDRAW_PER_SECOND, stream: process.stderr, hideCursor: true })
    : undefined
  const width = Math.max(...uris.map(uri => uri.length))

  function listenFor(uri: string): FlashListener {
    const device = uri.padEnd(width)
    const speed = createSpeed()
    let bar: SingleBar | undefined
    let phase = ''
    return {
      phase(next) {
        phase = next.padEnd('confirm'.length)
        bar?.update({ phase })
      },
      progress(bytes, total) {
        const speedNow = speed(bytes)
        const remaining = speedNow > 0 ? Math.ceil((total - bytes) / speedNow) : '–'
        const shown = { device, phase, speed: Math.round(speedNow), remaining }
        bar ??= bars?.create(total, bytes, shown)
        bar?.update(bytes, shown)
      },
      note(sentence) {
        const line = `${uris.length > 1 ? `${uri}: ` : ''}${sentence}\n`
        if (bars) bars.log(line)
        else process.stderr.write(line)
      },
    }
  }

  return { listenFor, stop: () => bars?.stop() }
}

/** Bytes per second lately; what was in the device already when it began does not count. */
function createSpeed(): (bytes: number) => number {
  const seen: { at: number; bytes: number }[] = []
  return bytes => {
    const now = performance.now()
    if (seen.length > 0 && bytes < seen.at(-1)!.bytes) seen.length = 0
    seen.push({ at: now, bytes })
    while (seen.length > 2 && now - seen[0]!.at > SPEED_OVER) seen.shift()
    const [first] = seen
    return first && now > first.at ? ((bytes - first.bytes) * 1000) / (now - first.at) : 0
  }
}
