import { Microseconds } from '../../ecg/units.js'
import type { Task } from '../../models/bundle/manifest.js'

/** acute goes first; the words of an alert's tier. */
export type Urgency = NonNullable<Task['alert']>['tier']

/** What a window's turn depends on. */
export interface Turn {
  /** Whose window it is; undefined: windows without a patient never displace one another. */
  readonly patient: string | undefined
  readonly urgency: Urgency
  /** When it was handed over; host monotonic clock. */
  readonly asked: Microseconds
  /** When the patient's next window will make this one's answer stale; host monotonic clock. */
  readonly due: Microseconds
}

/**
 * How much earlier than it is a window's deadline counts. So acute windows never wait for others, unless those have waited
 * half a minute: then somebody else would be starved.
 */
const HEAD_START: Readonly<Record<Urgency, Microseconds>> = {
  acute: Microseconds(30e6),
  prompt: Microseconds(10e6),
  screening: Microseconds(0),
}

/**
 * Windows that wait for a worker: earliest deadline first. A window that still waits at its deadline gives its place, with
 * the deadline, to the same patient's next one, so under overload every patient is passed over equally often and none is
 * starved, and what is answered is the newest there is. Windows that come in one burst are all run.
 */
export interface Schedule<T extends Turn> {
  readonly size: number
  /** Gives back what must not be run: the patient's older window, or when there are too many the least urgent that is due first. */
  put(turn: T): T | undefined
  /** The next one to run. */
  take(): T | undefined
}

export function createSchedule<T extends Turn>(limit: number): Schedule<T> {
  /** `place`: the due time that decides, earlier than `turn.due` where it took an older window's place. */
  const waiting: { turn: T; place: number }[] = []

  /** The first by deadline, with urgent ones `sign` × their head start sooner. */
  function removeFirst(sign: 1 | -1): T | undefined {
    let first = 0
    const rank = ({ turn, place }: (typeof waiting)[number]) => place - sign * HEAD_START[turn.urgency]
    for (let i = 1; i < waiting.length; i++) if (rank(waiting[i]!) < rank(waiting[first]!)) first = i
    return waiting.splice(first, 1)[0]?.turn
  }

  return {
    get size() {
      return waiting.length
    },
    put(turn) {
      const own = waiting.find(entry => entry.turn.patient === turn.patient && onePassesOver(entry.turn, turn))
      if (own === undefined) {
        waiting.push({ turn, place: turn.due })
        return waiting.length > limit ? removeFirst(-1) : undefined
      }
      const [newer, older] = turn.due >= own.turn.due ? [turn, own.turn] : [own.turn, turn]
      own.turn = newer
      own.place = Math.min(own.place, older.due)
      return older
    },
    take: () => removeFirst(1),
  }
}

/** One of two windows of a patient was handed over when the other's deadline had passed. */
function onePassesOver(a: Turn, b: Turn): boolean {
  return a.patient !== undefined && (a.due <= b.asked || b.due <= a.asked)
}
