import { type Millis, Seconds } from '../../ecg/units.js'

/** Every wait of the messaging, in one place. */
export interface Timing {
  readonly reconnectFirst: Millis
  readonly reconnectCap: Millis
  readonly connectTimeout: Millis
  readonly keepalive: Millis
  readonly acknowledgeWithin: Millis
  readonly refusedAgain: Millis
  readonly healthEvery: Millis
  readonly diskRetry: Millis
  readonly stopWithin: Millis
  readonly assessmentExpires: Millis
  readonly evidenceExpires: Millis
  readonly healthExpires: Millis
}

export const TIMING: Timing = {
  /** A broker that restarts is back within a second … */
  reconnectFirst: Seconds(0.5),
  /** … and one that was away for days is found again within this. */
  reconnectCap: Seconds(10),
  connectTimeout: Seconds(10),
  /** The broker publishes the will after one and a half of these without a word: how long a dead gateway looks alive. */
  keepalive: Seconds(15),
  /** A broker that takes messages and acknowledges none is as good as away; the connection is made anew. */
  acknowledgeWithin: Seconds(20),
  /** An MQTT 5 broker may refuse alerts on one topic and take all others; what it refused it gets again after this. */
  refusedAgain: Seconds(60),
  healthEvery: Seconds(60),
  /** Between attempts to write to a disk that refused. */
  diskRetry: Seconds(2),
  /** What a clean stop may spend on delivering what is stored; the rest is delivered after the next start. */
  stopWithin: Seconds(3),
  /**
   * How long a broker that speaks MQTT 5 keeps a message. Alerts and states have no such limit: a subscriber accounts for every
   * `seq`, and an alert is retained while it is active, so that an expiry would hide it from whoever comes late.
   */
  assessmentExpires: Seconds(600),
  evidenceExpires: Seconds(3600),
  /** Five reports that did not come: what is retained is no longer true. */
  healthExpires: Seconds(300),
}
