/** What is called every so many ms, all of it at the same moment: many devices then wake the process no oftener than one. */
const shared = new Map<number, { readonly timer: NodeJS.Timeout; readonly calls: Set<() => void> }>()

/** `setInterval` for what does not mind when within the interval it is called first. Returns what ends it. */
export function sharedInterval(call: () => void, ms: number): () => void {
  const { timer, calls } = shared.get(ms) ?? begin(ms)
  const mine = () => call() // one entry each, though two may pass the same function
  calls.add(mine)
  return () => {
    if (!calls.delete(mine) || calls.size > 0) return
    clearInterval(timer)
    shared.delete(ms)
  }
}

function begin(ms: number) {
  const calls = new Set<() => void>()
  const timer = setInterval(() => {
    for (const call of calls) call()
  }, ms)
  shared.set(ms, { timer, calls })
  return { timer, calls }
}
