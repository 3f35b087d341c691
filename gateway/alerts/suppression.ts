/** Why something that looked like an alert did not become one. Stable words, for logs and counters. */
export type SuppressionReason =
  /** The bundle has no evidence for the task. */
  | 'barred'
  /** The site has switched it off. */
  | 'disabled'
  /** Another alert that is up says more; `detail` names it. */
  | 'superseded'
  /** Too soon after the last one. */
  | 'refractory'
  /** A lead that the task cannot do without was off. */
  | 'leads missing'
  /** Windows reached the threshold, but too few of them. */
  | 'not persistent'
  /** A technical condition went away within its delay. */
  | 'did not last'

/** An alert that did not start although something spoke for it, or one that another made superfluous. */
export interface Suppression {
  readonly device: string
  readonly key: string
  readonly reason: SuppressionReason
  /** What the reason speaks of: the key of another alert, leads. */
  readonly detail?: string
  readonly probability: number | null
}
