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

export interface Inference {
  /** Calibrated probability per task, in the manifest's task order. */
  readonly probabilities: Float32Array
  /** By task index: what each feature time step, oldest first, gave to the logit. For tasks that may alert and reached their threshold. */
  readonly saliency: ReadonlyMap<number, Float32Array>
  /** Time inside the model, ms. */
  readonly modelMs: number
}

export interface InferenceEngine {
  readonly model: ModelInUse
  /** Windows waiting or running. */
  readonly depth: number
  /**
   * One window (`leads × samples`, mV, over a SharedArrayBuffer, not copied and not to be changed until this settles).
   * Rejects with an `InferenceError`; the engine itself goes on.
   */
  assess(signal: Float32Array): Promise<Inference>
  close(): Promise<void>
}
