import { type DeviceListener, type DeviceStream, noneCounted } from '../device-stream.js'
import { TransportError } from '../transport/transport-error.js'
import type { DeviceFinder, FoundDevice } from './find-devices.js'

/** As written after `--device`. */
export const AUTO_DEVICE = 'auto'
/** How often it is looked for while there is none, or more than one, ms. */
const LOOK_EVERY = 1_000

/**
 * The one ECG device that is plugged in, whatever it is, now or later. It is chosen once: from then on it is that device at
 * every socket and no other, because the next one may be another patient's. Two at once are refused for the same reason.
 */
export function createAutoDevice(find: DeviceFinder, open: (uri: string) => DeviceStream): DeviceStream {
  const none = noneCounted()
  let chosen: DeviceStream | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let reason = ''
  let settleFirstOpen: (outcome: Promise<void>) => void = () => {}
  const firstOpen = new Promise<void>(resolve => {
    settleFirstOpen = resolve
  })
  firstOpen.catch(() => {}) // whoever does not ask hears of it as a state

  async function look(listener: DeviceListener) {
    const found = await find().then(
      devices => devices.filter(({ driver }) => driver !== undefined),
      (failure: Error) => failure,
    )
    if (stopped) return
    if (!(found instanceof Error) && found.length === 1) {
      chosen = open(found[0]!.uri)
      settleFirstOpen(chosen.firstOpen)
      return chosen.start(listener)
    }
    const objection = found instanceof Error ? found : objectionTo(found)
    settleFirstOpen(Promise.reject(objection))
    if (objection.message !== reason) listener.state('connecting', objection.message)
    reason = objection.message
    timer = setTimeout(() => void look(listener), LOOK_EVERY)
  }

  return {
    uri: AUTO_DEVICE,
    get counters() {
      return chosen?.counters ?? none
    },
    timeOf: sample => chosen?.timeOf(sample),
    radio: () => chosen?.radio?.(),
    start: listener => void look(listener),
    firstOpen,
    release: async reason => chosen?.release(reason),
    retake: () => chosen?.retake(),
    async stop() {
      stopped = true
      clearTimeout(timer)
      await chosen?.stop()
    },
  }
}

function objectionTo(found: readonly FoundDevice[]): TransportError {
  if (found.length === 0)
    return new TransportError(
      'port-missing',
      'no ECG device is plugged in: plug one in (ecgclip devices lists what is there)',
    )
  const uris = found.map(({ uri }) => uri).join(' and ')
  return new TransportError('port-ambiguous', `${uris} are plugged in: name each patient's device with --device`)
}
