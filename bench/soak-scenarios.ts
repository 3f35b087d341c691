/** What happens in an hour, second by second, and again in the next. */
export interface Scenario {
  readonly driftPpm: number
  /** Probability that a frame on its way to the host, or back, is lost. */
  readonly loss?: number
  /** Longest one-way delay, ms; shorter ones are as likely. */
  readonly jitterMs?: number
  readonly script?: readonly Happening[]
}

export interface Happening {
  /** Seconds into the hour, and every so many again where `every` says so. */
  readonly at: number
  readonly every?: number
  readonly what: /** The carrier goes away, is told so, and comes back; the device goes on, on its battery. */
    | { readonly kind: 'unplug'; readonly seconds: number }
    /** As above, and the device had its power from the cable. */
    | { readonly kind: 'power-loss'; readonly seconds: number }
    /** Both ends stay open and nothing passes, as when a radio adapter is reset under its user. */
    | { readonly kind: 'silence'; readonly seconds: number }
    /** Every byte is as good as random, as at the wrong speed. */
    | { readonly kind: 'noise'; readonly seconds: number }
    | { readonly kind: 'clock-jump'; readonly seconds: number }
    | { readonly kind: 'reboot' }
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  calm: { driftPpm: 0 },
  'drift +200 ppm': { driftPpm: 200, jitterMs: 3 },
  'drift -200 ppm': { driftPpm: -200, jitterMs: 3 },
  unplug: {
    driftPpm: 20,
    jitterMs: 2,
    script: [
      { at: 60, every: 300, what: { kind: 'unplug', seconds: 1 } },
      { at: 200, every: 900, what: { kind: 'unplug', seconds: 45 } },
      { at: 700, every: 1200, what: { kind: 'power-loss', seconds: 7 } },
    ],
  },
  'adapter reset': {
    driftPpm: 20,
    jitterMs: 20,
    script: [{ at: 100, every: 240, what: { kind: 'silence', seconds: 8 } }],
  },
  noise: { driftPpm: 20, jitterMs: 2, script: [{ at: 30, every: 120, what: { kind: 'noise', seconds: 3 } }] },
  'clock jump': {
    driftPpm: 50,
    jitterMs: 2,
    script: [
      { at: 300, every: 1200, what: { kind: 'clock-jump', seconds: 3 } },
      { at: 900, every: 1200, what: { kind: 'clock-jump', seconds: -1.5 } },
    ],
  },
  reboot: { driftPpm: -100, jitterMs: 2, script: [{ at: 150, every: 200, what: { kind: 'reboot' } }] },
  '30 % loss': { driftPpm: 50, loss: 0.3, jitterMs: 15 },
  everything: {
    driftPpm: 200,
    loss: 0.05,
    jitterMs: 10,
    script: [
      { at: 60, every: 600, what: { kind: 'unplug', seconds: 4 } },
      { at: 180, every: 600, what: { kind: 'noise', seconds: 2 } },
      { at: 270, every: 600, what: { kind: 'silence', seconds: 7 } },
      { at: 360, every: 900, what: { kind: 'reboot' } },
      { at: 450, every: 1800, what: { kind: 'clock-jump', seconds: 2 } },
      { at: 540, every: 1800, what: { kind: 'power-loss', seconds: 10 } },
    ],
  },
}
