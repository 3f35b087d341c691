/** One variant, loaded by the library that runs its format. Lives in a worker thread. */
export interface ModelRuntime {
  /** Runs one window, `leads × samples` mV. Throws what the library says. */
  run(window: Float32Array): Promise<RuntimeOutputs> | RuntimeOutputs
  release(): Promise<void> | void
}

export interface RuntimeOutputs {
  readonly logits: Float32Array
  /** [channels, time]; undefined unless the setup has heads. Valid until the next run. */
  readonly features: Float32Array | undefined
}
