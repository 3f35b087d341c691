import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type Millis, Seconds } from '../../ecg/units.js'
import type { Bundle } from '../../models/bundle/load-bundle.js'
import type { Pair } from './candidates.js'
import { loadDeadline } from './deadlines.js'
import type { Outcome } from './measurement.js'
import type { StartOptions } from './try-candidate.js'
import { type TrialRequest, tryHere } from './try-here.js'

/** A gateway does not wait longer for a provider that nobody asked for: TensorRT alone may take ten minutes. */
const PATIENCE = Seconds(30)
/** Goldens on the slowest board, after loading. */
const RUNNING = Seconds(120)

/**
 * Tries every pair: the CPU's here, those of any other provider in a process of their own, because a GPU's driver can take
 * its process down. One outcome for each, in their order.
 */
export async function measureCandidates(
  bundle: Bundle,
  pairs: readonly Pair[],
  options: StartOptions & { readonly automatic: boolean },
): Promise<Outcome[]> {
  const outcomes = pairs.map(({ refusal }): Outcome | undefined => (refusal === undefined ? undefined : { refusal }))
  for (const provider of new Set(pairs.map(pair => pair.provider))) {
    const group = [...pairs.keys()].filter(i => outcomes[i] === undefined && pairs[i]!.provider === provider)
    if (group.length === 0) continue
    const request = { bundle, pairs: group.map(i => pairs[i]!), options }
    const asked = Seconds((loadDeadline(provider) * group.length + RUNNING) / 1000)
    const found = await (provider === 'cpu'
      ? tryHere(request)
      : tryElsewhere(request, options.automatic ? PATIENCE : asked))
    group.forEach((i, nth) => {
      outcomes[i] = found[nth]!
    })
  }
  return outcomes as Outcome[]
}

async function tryElsewhere(request: TrialRequest, limit: Millis): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  // Without these it would first load whatever the program was started with (--import, --require).
  const child = fork(new URL('./trial-process.js', import.meta.url), {
    serialization: 'advanced',
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  child.on('message', (outcome: Outcome) => outcomes.push(outcome))
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limit)
  child.send(request, () => {}) // one that is gone before it is read tells by its end
  const how = await ended.then(
    ([code, signal]) => `the process that tried it ended with ${signal ?? `code ${code}`}`,
    (error: Error) => `no process could be started to try it: ${error.message}`,
  )
  clearTimeout(timer)
  const refusal = late ? `it was not ready within ${limit / 1000} s` : how
  return request.pairs.map((_, i) => outcomes[i] ?? { refusal })
}
