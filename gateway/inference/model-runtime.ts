/** One variant, loaded by the library that runs its format. Lives in a worker thread. */
export interface ModelRuntime {
  /** Whether a run may hold several windows; otherwise it always holds one. */
  readonly batches: boolean
  /** Runs windows of `leads × samples` mV together; one result for each. Throws what the library says. */
  run(windows: readonly Float32Array[]): Promise<RuntimeOutputs[]> | RuntimeOutputs[]
  release(): Promise<void> | void
}

export interface RuntimeOutputs {
  readonly logits: Float32Array
  /** [channels, time]; undefined unless the setup has heads. Valid until the next run. */
  readonly features: Float32Array | undefined
}
