import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Candidate } from '../gateway/inference/candidate.js'
import { type NotTried, providersNotTried } from '../gateway/inference/candidates.js'
import { EngineStartError } from '../gateway/inference/inference-error.js'
import { startEngine } from '../gateway/inference/start-engine.js'
import { type Bundle, loadBundle } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'

/**
 * Every way to run a bundle on this machine, what it takes for a window, and why it is refused where it is; measured now, from
 * no cache.
 *
 *     node dist/bench/candidates.js [--bundle DIR] [--trust DIR] [--json]
 */

export interface CandidateRow {
  /** File, or the format of any file where the bundle names none for this provider. */
  readonly variant: string
  readonly provider: string
  readonly outcome: Candidate['outcome'] | 'not tried'
  readonly medianMs?: number | undefined
  readonly fastestMs?: number | undefined
  readonly batch?: number | undefined
  readonly reason?: string | undefined
}

/** A line of the table, the reason last because it is long. */
export function candidateLine({ variant, provider, outcome, medianMs, fastestMs, reason }: CandidateRow): string {
  const found = medianMs ? `${medianMs.toFixed(2)} ms a window, ${fastestMs!.toFixed(2)} at best` : reason
  return `${outcome.padEnd(10)} ${variant} on ${provider}: ${found}\n`
}

async function tryAll(bundle: Bundle): Promise<readonly Candidate[]> {
  try {
    const engine = await startEngine(bundle)
    await engine.close()
    return engine.candidates
  } catch (error) {
    if (error instanceof EngineStartError) return error.candidates
    throw error
  }
}

function notTried({ format, name, refusal }: NotTried): CandidateRow {
  const reason = refusal ?? 'the bundle does not name it: ask for it by inference.provider'
  return { variant: `any ${format}`, provider: name, outcome: 'not tried', reason }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      bundle: { type: 'string', default: SHIPPED_BUNDLE },
      trust: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
    },
  })
  const candidates = await tryAll(await loadBundle(values.bundle, values.trust))
  const rows: CandidateRow[] = [...candidates, ...providersNotTried(candidates).map(notTried)]
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : rows.map(candidateLine).join(''))
}

if (fileURLToPath(import.meta.url) === process.argv[1]) await main()
