import { z } from 'zod'

/** What became of a candidate that was tried. */
export const MeasurementSchema = z.strictObject({
  /** Median run over the goldens, one window each, ms. */
  medianMs: z.number().positive(),
  /** Fastest run: what the candidate can do when nothing else on the machine is in its way. */
  fastestMs: z.number().positive(),
  /** Windows a run that pay; 1: one by one is as fast. */
  batch: z.int().min(1),
  /** Time a window takes in such a run, ms. */
  batchedMs: z.number().positive(),
})
export type Measurement = z.infer<typeof MeasurementSchema>

export const OutcomeSchema = z.union([MeasurementSchema, z.strictObject({ refusal: z.string() })])
export type Outcome = z.infer<typeof OutcomeSchema>
