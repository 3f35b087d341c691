import type { Answer } from './inference-engine.js'
import type { RejectionCode } from './inference-error.js'

/** What a worker thread is given and what it says. */

/** Everything that a worker needs to run one variant, for its whole life. */
export interface ModelSetup {
  /** Where it runs, with the path of the library; ONNX Runtime comes with its package. */
  readonly runtime: RuntimeSetup
  /** The model file, shared by all workers, so that a restart does not depend on the disk. */
  readonly model: SharedArrayBuffer
  readonly provider: string
  /** Threads inside one run. */
  readonly threads: number
  readonly input: string
  readonly leads: number
  readonly samples: number
  readonly logits: string
  /** Logits that the model gives. */
  readonly logitCount: number
  /** Per task: the logit that it is; -1: none of the model's, but the next of `added`. */
  readonly logitOf: Int32Array
  /** Heads that a site has added, on the pooled features. */
  readonly added: readonly AddedHead[]
  /** Platt scaling per task: a₀, b₀, a₁, b₁, … */
  readonly calibration: Float64Array
  /** What saliency is made from; undefined: the bundle cannot give any. */
  readonly heads: HeadSetup | undefined
}

/** See `OverlaySchema`; `weights`: of the mean of each channel over time, then of its maximum. */
export interface AddedHead {
  readonly weights: Float64Array
  readonly bias: number
  readonly cosineScale: number | null
}

export type RuntimeSetup =
  | { readonly kind: 'onnx' }
  | { readonly kind: 'litert'; readonly library: string }
  | { readonly kind: 'tflite'; readonly library: string; readonly delegate: DelegateSetup | undefined }

/** A library that takes nodes of a TensorFlow Lite model to an NPU. */
export interface DelegateSetup {
  readonly library: string
  readonly options: readonly (readonly [key: string, value: string])[]
}

export interface HeadSetup {
  /** Name of the output with the map before pooling. */
  readonly features: string
  readonly channels: number
  /** As `heads.file` of the manifest, over a SharedArrayBuffer. */
  readonly weights: Float32Array
  /** Per task: the probability from which on saliency is wanted. */
  readonly from: Float64Array
}

/** `workerData`. */
export interface WorkerData {
  readonly setup: ModelSetup
  /** See `exit-guard.ts`. */
  readonly guard: Int32Array
  /** In shared memory: where the windows of a run are put, `leads × samples` mV each. */
  readonly slots: readonly Float32Array[]
}

/**
 * Place in the guard: how many windows, from the first slot on, the worker is to run together; `LEAVE`: it is to end. The worker
 * sets it back to 0, and sleeps on it (`Atomics.wait`): to be woken by a message would cost some 50 µs a window more.
 */
export const WANTED = 2
export const LEAVE = -1

/** One per window. */
export type WorkerOutcome =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'rejection'; readonly code: RejectionCode; readonly message: string }
/** `ready` comes first, when the model is loaded; `batches`: as `ModelRuntime`. Then one `ran` per run that was wanted. */
export type WorkerReply =
  | { readonly kind: 'ready'; readonly batches: boolean }
  | { readonly kind: 'ran'; readonly outcomes: readonly WorkerOutcome[] }
