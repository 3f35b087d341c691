import type { Recording } from '../../firmware-bridge/recording/recording.js'

/** A rhythm that somebody annotated, in seconds of the record. */
export interface Episode {
  /** Task id of the rhythm. */
  readonly task: string
  readonly start: number
  readonly end: number
}

/** Somebody whose ECG is played to the gateway, and what is known of it. */
export interface Patient {
  readonly name: string
  readonly recording: Recording
  /** Seconds for which the record is played, again and again where it is shorter; by default once. */
  readonly seconds?: number
  /** Tasks of which each alert is judged true or false by `episodes`. */
  readonly annotated: readonly string[]
  readonly episodes: readonly Episode[]
}

/** Patients whose figures belong together. */
export interface Cohort {
  readonly name: string
  readonly description: string
  /** Every finding about these people is a false one. */
  readonly normal: boolean
  /** Played with everything only: the same few windows again and again tell nothing of single mechanisms, and take long. */
  readonly shippedOnly?: boolean
  readonly patients: readonly Patient[]
}
