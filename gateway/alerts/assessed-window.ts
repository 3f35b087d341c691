import type { UnixMillis } from '../../ecg/units.js'
import type { ModelInUse } from '../inference/inference-engine.js'
import type { EcgWindow } from '../window/ecg-window.js'

/** A window with what the model said of it: what an assessment message and the alert engine are made from. */
export interface AssessedWindow {
  readonly window: EcgWindow
  readonly start: UnixMillis
  readonly end: UnixMillis
  /** Of `start` and `end`; null while the device's clock has not been fitted. */
  readonly uncertaintyMs: number | null
  /** Ids of `probabilities`, in the manifest's order. */
  readonly taskIds: readonly string[]
  /** Null: the window is uninterpretable, or inference failed. Such a window neither confirms nor clears anything. */
  readonly probabilities: ArrayLike<number> | null
  /** By index into `probabilities`: what each time step of the model's features, oldest first, gave to the logit. */
  readonly saliency?: ReadonlyMap<number, ArrayLike<number>> | undefined
  readonly model: ModelInUse
  /** From the arrival of the window's last sample until now. */
  readonly latencyMs: number
}
