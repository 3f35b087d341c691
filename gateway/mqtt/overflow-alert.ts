import type { UnixMillis } from '../../ecg/units.js'
import type { AlertTransition, SequenceRange } from '../alerts/alert.js'
import type { Clock } from '../alerts/clock.js'
import { type OpenAlert, openAlert, say } from '../alerts/open-alert.js'
import { technicalStart } from '../alerts/technical-alerts.js'
import { GATEWAY_DEVICE, type TechnicalKey } from '../alerts/technical-conditions.js'

const KEY: TechnicalKey = 'OUTBOX_OVERFLOW'

/** The alert that says which alert messages were given up, so that no number is ever missing without a word. */
export interface OverflowAlert {
  readonly active: boolean
  /** True when it is the same kind of alert, left open by an earlier run: it goes on from there. */
  resume(last: AlertTransition): boolean
  /** `seqs`: numbers given up, `damaged` of them unread; `unnumbered`: messages that never had one, because the disk did not take them. */
  gaveUp(seqs: readonly number[], unnumbered: number, damaged: number): AlertTransition
  end(): AlertTransition
}

export function createOverflowAlert(clock: Clock, newId: (now: UnixMillis) => string): OverflowAlert {
  let alert: OpenAlert | null = null
  return {
    get active() {
      return alert !== null
    },
    resume(last) {
      if (last.condition.key !== KEY) return false
      alert = openAlert(last, clock)
      return true
    },
    gaveUp(seqs, unnumbered, damaged) {
      const unread = damaged > 0 ? `, ${damaged} because they cannot be read` : ''
      const detail = `The outbox gave up ${seqs.length + unnumbered} alert messages, ${unnumbered} of them before the disk took them${unread}`
      const evidence = { detail, lost: ranges(seqs) }
      if (alert !== null) return say(alert, clock, { phase: 'update', evidence })
      const last = { ...technicalStart(GATEWAY_DEVICE, KEY, newId(clock.utc()), detail, clock), evidence }
      alert = openAlert(last, clock)
      return last
    },
    end() {
      const ended = say(alert!, clock, { phase: 'end', state: 'inactive' })
      alert = null
      return ended
    },
  }
}

function ranges(seqs: readonly number[]): SequenceRange[] {
  const result: Array<{ from: number; to: number }> = []
  for (const seq of [...seqs].sort((a, b) => a - b)) {
    const last = result.at(-1)
    if (last?.to === seq - 1) last.to = seq
    else result.push({ from: seq, to: seq })
  }
  return result
}
