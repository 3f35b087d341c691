import { z } from 'zod'
import { BundleError } from './bundle-error.js'
import type { Manifest } from './manifest.js'

const probability = z.number().min(0).max(1)
const threshold = z.strictObject({ value: probability, rule: z.string() })
const measured = z.strictObject({ value: probability, low: probability, high: probability })

/** The features that this gateway computes (gateway/window/lead-features.ts), in the order of the model's weights. */
export const FEATURE_VERSION = 1
export const FEATURES = [
  'pp_median',
  'pp_low',
  'pp_high',
  'wander',
  'wander_step',
  'range',
  'step_high',
  'still',
  'slope_high',
  'slope_median',
  'rough',
  'rough_quiet',
  'peaked',
  'agrees_best',
  'agrees_fourth',
  'kurtosis',
] as const
const numbers = z.array(z.number()).length(FEATURES.length)

/**
 * `quality.json` of a bundle (urn:ecgclip:quality:1): what says which leads of a window can be read. The gateway computes the
 * features, so their version and order must be those that it knows.
 */
export const QualityModelSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:quality:1'),
  features: z.strictObject({
    version: z.literal(FEATURE_VERSION),
    names: z.array(z.string()).refine(names => names.join() === FEATURES.join(), 'not the features of this version'),
    rate: z.number().positive(),
    samples: z.int().min(1),
  }),
  /** Of each feature: it is standardised, held within ± `limit`, weighed and summed to a lead's log-odds of being unreadable. */
  mean: numbers,
  deviation: z.array(z.number().positive()).length(FEATURES.length),
  weights: numbers,
  bias: z.number(),
  limit: z.number().positive(),
  /** Below `window` a window is degraded; a lead below `lead` is not given to the network. 1 = surely readable. */
  thresholds: z.strictObject({ window: threshold, lead: threshold }),
  evidence: z.looseObject({
    cohort: z.string(),
    sensitivity: measured,
    specificity: measured,
    balancedAccuracy: measured,
  }),
})

export type QualityModel = z.infer<typeof QualityModelSchema>

/** The model in these bytes, checked; `input` is what windows are made for, `path` names it in errors. */
export function parseQualityModel(path: string, bytes: Uint8Array, input: Manifest['input']): QualityModel {
  const invalid = (fault: string, cause?: unknown) =>
    new BundleError('BUNDLE_QUALITY_INVALID', `${path}: ${fault}; have the bundle built again`, cause)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw invalid('not JSON', cause)
  }
  const parsed = QualityModelSchema.safeParse(json)
  if (!parsed.success) {
    const [first] = parsed.error.issues
    throw invalid(`${first!.path.join('.') || 'top level'}: ${first!.message}`, parsed.error)
  }
  const { rate, samples } = parsed.data.features
  if (rate !== input.rate || samples !== input.samples)
    throw invalid(`it is for ${samples} samples at ${rate} Hz, the network for ${input.samples} at ${input.rate} Hz`)
  return parsed.data
}
