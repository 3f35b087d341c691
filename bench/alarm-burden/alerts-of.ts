import { Millis, UnixMillis } from '../../ecg/units.js'
import { createAlertEngine } from '../../gateway/alerts/alert-engine.js'
import type { AssessedWindow } from '../../gateway/alerts/assessed-window.js'
import type { Mechanisms } from './mechanisms.js'
import { type Played, WINDOW_SECONDS } from './play.js'

/** An advisory alert that started while a patient was played. */
export interface StartedAlert {
  readonly task: string
  /** Seconds since the patient came. */
  readonly at: number
  /** Windows seen until then, the one that started it included. */
  readonly windows: number
  /** When it was over; infinite where the record ends first. */
  until: number
}

/** The gateway's alert engine on simulated time: a window every hop, a tick every second. */
export function alertsOf(
  { windows, count }: Played,
  { rules, qualityGate }: Mechanisms,
  hopSeconds: number,
): StartedAlert[] {
  let now = 0
  let ids = 0
  const clock = { utc: () => UnixMillis(now), monotonic: () => Millis(now) }
  const engine = createAlertEngine({
    ...rules,
    clock,
    newId: () => String(++ids),
    suppressed: () => {},
  })
  const started: StartedAlert[] = []
  for (let index = 0; index < count; index++) {
    const at = WINDOW_SECONDS + index * hopSeconds
    now = 1000 * at
    const assessed = windows[index % windows.length]!
    const { window } = assessed
    const seen: AssessedWindow = {
      ...assessed,
      start: UnixMillis(now - 1000 * WINDOW_SECONDS),
      end: UnixMillis(now),
      window: qualityGate ? { ...window, index } : { ...window, index, quality: 'good', leadsOff: [], leadsAbsent: [] },
    }
    for (const { phase, state, type, condition } of [...engine.window('patient', seen), ...engine.tick()]) {
      const task = condition.key
      if (type !== 'SA') continue
      if (phase === 'start') started.push({ task, at, windows: index + 1, until: Number.POSITIVE_INFINITY })
      if (state === 'inactive') started.findLast(alert => alert.task === task)!.until = at
    }
  }
  return started
}
