import { z } from 'zod'
import { STANDARD_LEADS } from '../../ecg/leads.js'

/**
 * `manifest.json` of a model bundle, version 1 (urn:ecgclip:bundle:1): everything that an answer depends on.
 * Strict at the top, so that a key nobody reads is an error and not a surprise; the file itself is canonical JSON (RFC 8785).
 */

const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a plain file name, no folders')
const probability = z.number().min(0).max(1)
/** Value with its 95 % confidence interval. */
const measured = z.strictObject({ value: z.number(), low: z.number(), high: z.number() })

export const TaskSchema = z.strictObject({
  /** The catalog's id, e.g. `AFIB`. */
  id: z.string().min(1),
  group: z.enum(['diagnosis', 'echo', 'rare']),
  display: z.string().min(1),
  codes: z.array(z.strictObject({ system: z.string(), code: z.string(), display: z.string().optional() })),
  kind: z.enum(['binary', 'regression', 'zero-shot']),
  /** probability = 1 / (1 + exp(−(a · logit + b))). */
  calibration: z.strictObject({ method: z.literal('platt'), a: z.number(), b: z.number() }),
  threshold: z.strictObject({ value: probability, rule: z.string() }),
  /** Null: never raises an alert. `need` of the last `of` windows at or above the threshold start it; below `clearBelow` ends it. */
  alert: z
    .strictObject({
      tier: z.enum(['acute', 'prompt', 'screening']),
      need: z.int().min(1),
      of: z.int().min(1),
      clearBelow: probability,
    })
    .nullable(),
  /** Below this probability a single window speaks against the finding; absent where too few positives were there to say so. */
  ruleOut: z
    .strictObject({ value: probability, rule: z.string(), sensitivity: probability, specificity: probability })
    .optional(),
  /** Null: trained without enough positives to say anything; such a task may not alert. */
  evidence: z
    .strictObject({
      cohort: z.string(),
      trainingPositives: z.int().min(0),
      positives: z.int().min(0),
      prevalence: probability,
      prauc: measured,
      auroc: measured,
    })
    .nullable(),
})

export const VariantSchema = z.strictObject({
  file: fileName,
  format: z.enum(['onnx', 'tflite']),
  precision: z.enum(['fp32', 'fp16', 'int8']),
  /** `float`, `u8s8`, `s8s8`, … */
  scheme: z.string(),
  /** Providers that it is meant for, best first. */
  providers: z.array(z.string()).min(1),
  /** Against the fp32 variant on the validation fold; null for fp32 itself. */
  parity: z
    .strictObject({
      macroDeltaPrauc: z.number(),
      worstDeltaPrauc: z.number(),
      worstTask: z.string(),
      decisionFlips: z.number(),
    })
    .nullable(),
})

/** FIR low-pass for one device rate: output = resample by up/down with `taps` (odd length, linear phase, gain `up`). */
export const ResamplingSchema = z.strictObject({
  from: z.number().positive(),
  up: z.int().min(1),
  down: z.int().min(1),
  taps: z.array(z.number()).min(1),
})

export const ManifestSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:bundle:1'),
  name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'a semantic version'),
  /** Anti-rollback: only rises. */
  counter: z.int().min(0),
  created: z.iso.datetime(),
  provenance: z.strictObject({
    commit: z.string(),
    recipe: z.string(),
    datasets: z.array(z.strictObject({ name: z.string(), records: z.int().min(0), licence: z.string() })),
  }),
  input: z.strictObject({
    name: z.string(),
    rate: z.number().positive(),
    samples: z.int().min(1),
    leads: z.array(z.enum(STANDARD_LEADS)).min(1),
    unit: z.literal('mV'),
    /** How a lead that is absent or unusable is given: all samples 0. */
    missing: z.literal('zero'),
    /** Fewest usable leads with which the network was trained and measured; a window with fewer gets no findings. */
    minimumLeads: z.int().min(1),
    /** One entry per device rate that the bundle accepts; a rate equal to `rate` needs none. */
    resampling: z.array(ResamplingSchema),
  }),
  outputs: z.strictObject({ logits: z.string(), embedding: z.string(), features: z.string() }),
  /**
   * The linear heads on the pooled features, which give the saliency of an alert; a bundle without them gives none.
   * `file`: float32 little-endian, [tasks, 2 × channels] weights (of the mean over time, then of the maximum), then [tasks] biases.
   */
  heads: z.strictObject({ file: fileName, pooling: z.literal('mean-max'), channels: z.int().min(1) }).optional(),
  /** What says which leads can be read (quality-model.ts); a bundle without it leaves that to the gateway's hard rules. */
  quality: z.strictObject({ file: fileName }).optional(),
  tasks: z.array(TaskSchema).min(1),
  variants: z.array(VariantSchema).min(1),
  /**
   * `inputs`: int16 little-endian µV, [count, leads, samples]. `expected`: JSON {"<variant file>": [[probability per task] per window]}.
   * A provider is used only when every probability of its variant is within `tolerance`.
   */
  goldens: z.strictObject({
    inputs: fileName,
    expected: fileName,
    count: z.int().min(16),
    tolerance: z.number().positive(),
  }),
  files: z.record(fileName, z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().min(0) })),
})

export type Manifest = z.infer<typeof ManifestSchema>
export type Task = z.infer<typeof TaskSchema>
export type Variant = z.infer<typeof VariantSchema>
export type Resampling = z.infer<typeof ResamplingSchema>
