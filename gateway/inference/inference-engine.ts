import type { Microseconds } from '../../ecg/units.js'

/** What runs a bundle: one implementation per provider family, behind worker threads. */

export interface ModelInUse {
  readonly bundle: string
  readonly version: string
  /** SHA-256 of the model file, hex. */
  readonly sha256: string
  readonly provider: string
  readonly precision: 'fp32' | 'fp16' | 'int8'
  /** File name of the variant. */
  readonly variant: string
}

/** What a variant says of a window. */
export interface Answer {
  /** Calibrated probability per task, in the manifest's task order. */
  readonly probabilities: Float32Array
  /** By task index: what each feature time step, oldest first, gave to the logit. For tasks that may alert and reached their threshold. */
  readonly saliency: ReadonlyMap<number, Float32Array>
  /** Time inside the model, ms. */
  readonly modelMs: number
}

export interface Inference extends Answer {
  /** What answered: not always the engine's `model` of later on. */
  readonly model: ModelInUse
}

/** When several windows wait: whose goes first, and which is passed over. */
export interface Order {
  /** A patient's window that still waits at its deadline gives way to a newer one, and is rejected as PASSED_OVER. */
  readonly patient: string
  /** When it is handed over; host monotonic clock. */
  readonly asked: Microseconds
  /** When the patient's next window will be complete; host monotonic clock. */
  readonly due: Microseconds
}

export interface InferenceEngine {
  readonly model: ModelInUse
  /** What failed and what runs in its place, in one sentence; null while the model that was chosen runs. */
  readonly fallback: string | null
  /** Windows waiting or running. */
  readonly depth: number
  /**
   * One window (`leads × samples`, mV, not to be changed until this settles).
   * Without an order it waits for all that came before. Rejects with an `InferenceError`; the engine itself goes on.
   */
  assess(signal: Float32Array, order?: Order): Promise<Inference>
  close(): Promise<void>
}
