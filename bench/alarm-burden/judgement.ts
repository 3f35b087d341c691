import type { StartedAlert } from './alerts-of.js'
import type { Played } from './play.js'

/** What the alerts of one patient come to. */
export interface Judgement {
  readonly days: number
  /** Starts by task. */
  readonly starts: ReadonlyMap<string, number>
  /** Of annotated tasks: alerts with no such episode in the half minute before. */
  readonly falseStarts: ReadonlyMap<string, number>
  readonly episodes: readonly EpisodeFound[]
}

export interface EpisodeFound {
  readonly task: string
  /** Seconds from the onset to the alert, 0 for one that was up already; null: no alert by its end. */
  readonly delay: number | null
  /** Windows from the first that touches the episode to the alert, 0 for one that was up already; null: none. */
  readonly windows: number | null
}

/** Evidence reaches back a window and the hops of its persistence. */
const LOOK_BACK_SECONDS = 30
/** An episode shorter than a window, or of which the record is full already, tells nothing about delays. */
const SHORTEST_EPISODE_SECONDS = 10
const DAY_SECONDS = 24 * 3600

export function judge({ patient, count }: Played, alerts: readonly StartedAlert[], hopSeconds: number): Judgement {
  const { episodes, annotated } = patient
  const starts = new Map<string, number>()
  const falseStarts = new Map<string, number>()
  const add = (counts: Map<string, number>, task: string) => counts.set(task, (counts.get(task) ?? 0) + 1)
  for (const { task, at } of alerts) {
    add(starts, task)
    const true_ = episodes.some(it => it.task === task && it.start < at && it.end > at - LOOK_BACK_SECONDS)
    if (annotated.includes(task) && !true_) add(falseStarts, task)
  }
  const found = episodes
    .filter(({ start, end }) => end - start >= SHORTEST_EPISODE_SECONDS)
    .filter(
      ({ task, start }, index) =>
        // One that follows upon another of its kind has its alert already.
        !episodes.slice(0, index).some(before => before.task === task && start - before.end < 2 * LOOK_BACK_SECONDS),
    )
    .map(({ task, start, end }): EpisodeFound => {
      const alert = alerts.find(it => it.task === task && it.until > start && it.at <= end + LOOK_BACK_SECONDS)
      if (alert === undefined) return { task, delay: null, windows: null }
      const before = Math.max(0, Math.floor((start - 10) / hopSeconds) + 1)
      return { task, delay: Math.max(0, alert.at - start), windows: Math.max(0, alert.windows - before) }
    })
  return { days: (count * hopSeconds) / DAY_SECONDS, starts, falseStarts, episodes: found }
}
