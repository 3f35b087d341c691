import { setTimeout as sleep } from 'node:timers/promises'
import type {
  DeviceIdentity,
  DeviceListener,
  DeviceState,
  DeviceStream,
  SampleBlock,
} from '../../firmware-bridge/device-stream.js'
import { countingValue } from './counting-source.js'

export interface Listened {
  readonly listener: DeviceListener
  readonly identities: DeviceIdentity[]
  readonly states: { state: DeviceState; reason: string }[]
  /** How often each sample of the present boot was delivered. */
  readonly delivered: Map<number, number>
  /** Values that were not those of the counting source. */
  readonly wrong: string[]
  /** Called for each block. */
  onBlock?: (block: SampleBlock) => void
  state(): DeviceState | undefined
}

/** A listener that checks every value of a counting source and keeps the rest. */
export function listen(): Listened {
  const listened: Listened = {
    identities: [],
    states: [],
    delivered: new Map(),
    wrong: [],
    state: () => listened.states.at(-1)?.state,
    listener: {
      identified(identity) {
        listened.identities.push(identity)
        listened.delivered.clear()
      },
      samples(block) {
        for (let s = 0; s < block.count; s++) {
          const index = block.first + s
          listened.delivered.set(index, (listened.delivered.get(index) ?? 0) + 1)
          for (let c = 0; c < block.channels; c++) {
            const value = block.values[s * block.channels + c]
            if (value !== countingValue(index, c)) listened.wrong.push(`${index}/${c}: ${value}`)
          }
        }
        listened.onBlock?.(block)
      },
      state: (state, reason) => listened.states.push({ state, reason }),
      status: () => {},
      event: () => {},
    },
  }
  return listened
}

/** Waits for a condition; the test's own time limit is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

/** Starts a device and waits until it streams. */
export async function streaming(device: DeviceStream, listened = listen()): Promise<Listened> {
  device.start(listened.listener)
  await until(() => listened.state() === 'streaming')
  return listened
}
