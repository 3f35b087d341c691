import { z } from 'zod'
import { TaskSchema } from '../bundle/manifest.js'

/**
 * What a site changes of a bundle without retraining (urn:ecgclip:overlay:1): a JSON file, signed as a bundle's manifest is, in
 * `<file>.sig` beside it. It is for one bundle only, because thresholds and heads mean nothing on another network.
 */

const probability = z.number().min(0).max(1)

/** A head on the pooled features, [mean over time, maximum over time] of each channel: 2 × channels values. */
const HeadSchema = z.strictObject({
  /** With `calibration`, `threshold` and, if it may alert, `evidence`, as a task of a manifest. */
  task: TaskSchema,
  /** logit = weights · pooled + bias */
  weights: z.array(z.number()).min(2),
  bias: z.number(),
  /**
   * Null: linear. Otherwise zero-shot, from an embedding row (of a text, of a class's mean): the cosine of the angle between the
   * row and the pooled features, times this, plus the bias.
   */
  cosineScale: z.number().positive().nullable(),
})

export const OverlaySchema = z.strictObject({
  schema: z.literal('urn:ecgclip:overlay:1'),
  /** Follows the bundle's version, after a plus sign, in every assessment. */
  name: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$/, 'letters, digits, dots and hyphens, 32 at most'),
  /** SHA-256 of the bundle's manifest.json, hex. */
  bundle: z.string().regex(/^[0-9a-f]{64}$/),
  /** Tasks that are neither published nor raise an alert. */
  disable: z.array(z.string()),
  thresholds: z.record(
    z.string(),
    z.strictObject({ value: probability, clearBelow: probability.optional(), rule: z.string().min(1) }),
  ),
  heads: z.array(HeadSchema),
})
export type Overlay = z.infer<typeof OverlaySchema>
export type OverlayHead = z.infer<typeof HeadSchema>

/** How the tasks of an overlaid bundle come about, one entry for each of its tasks. */
export type TaskSource = { readonly logit: number } | { readonly head: OverlayHead }
