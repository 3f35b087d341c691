import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type {
  DeviceEventKind,
  DeviceIdentity,
  DeviceState,
  DeviceStream,
} from '../../../firmware-bridge/device-stream.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'

const FIRMWARE = 'firmware-bridge/firmware'

/** Why a board cannot be made or run here, or false after making it. */
export function makeBoard(target: 'posix' | 'qemu', needs: readonly string[]): string | false {
  const missing = ['make', ...needs].filter(program => !onPath(program))
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`
  const made = spawnSync('make', ['--no-print-directory', '-C', FIRMWARE, target], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`make ${target} failed:\n${made.stdout}${made.stderr}`)
  return false
}

export const posixBoard = join(FIRMWARE, 'build/ecg-device-posix')
export const qemuImage = join(FIRMWARE, 'build/ecg-device-mps2.elf')

function onPath(program: string) {
  return (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))
}

export interface HeardSample {
  readonly index: number
  readonly values: readonly number[]
  readonly retransmission: boolean
}

/** A gateway's end of the cable that remembers everything. */
export interface BoardHost {
  readonly stream: DeviceStream
  readonly identities: DeviceIdentity[]
  /** Of the present boot, in order of arrival. */
  readonly samples: HeardSample[]
  readonly events: { kind: DeviceEventKind; sample: number }[]
  readonly states: DeviceState[]
  readonly dropped: () => number | undefined
  /** Resolves as soon as it holds; looked at after each thing heard. */
  until(holds: () => boolean): Promise<void>
  stop(): Promise<void>
}

export function listenTo(uri: string): BoardHost {
  const stream = openDevice(uri)
  const heard = new EventTarget()
  const news = () => heard.dispatchEvent(new Event('news'))
  const identities: DeviceIdentity[] = []
  const samples: HeardSample[] = []
  const events: BoardHost['events'] = []
  const states: DeviceState[] = []
  let dropped: number | undefined
  stream.start({
    identified(identity) {
      identities.push(identity)
      samples.length = 0
      news()
    },
    samples({ first, count, channels, values, retransmission }) {
      for (let s = 0; s < count; s++) {
        const own = [...values.subarray(s * channels, (s + 1) * channels)]
        samples.push({ index: first + s, values: own, retransmission })
      }
      news()
    },
    state(state) {
      states.push(state)
      news()
    },
    status(status) {
      dropped = status.dropped
      news()
    },
    event(kind, sample) {
      events.push({ kind, sample })
      news()
    },
  })

  async function until(holds: () => boolean) {
    while (!holds()) await once(heard, 'news')
  }

  return { stream, identities, samples, events, states, dropped: () => dropped, until, stop: () => stream.stop() }
}

/** Indices between the first and the last sample that never came, and those that came twice. */
export function account(samples: readonly HeardSample[]): { missing: number; twice: number } {
  const indices = new Set(samples.map(sample => sample.index))
  const first = samples.reduce((least, { index }) => Math.min(least, index), Number.POSITIVE_INFINITY)
  const last = samples.reduce((most, { index }) => Math.max(most, index), 0)
  return { missing: last + 1 - first - indices.size, twice: samples.length - indices.size }
}
