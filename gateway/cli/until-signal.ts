/** Resolves true at SIGINT or SIGTERM, false when `other` is aborted first. A second signal ends the process at once. */
export function untilSignal(other?: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const done = (signalled: boolean) => () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
      other?.removeEventListener('abort', onAbort)
      resolve(signalled)
    }
    const onSignal = done(true)
    const onAbort = done(false)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal)
    if (other?.aborted) onAbort()
    else other?.addEventListener('abort', onAbort, { once: true })
  })
}
