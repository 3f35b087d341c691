import type { Manifest, Variant } from '../../models/bundle/manifest.js'
import { EngineStartError } from './inference-error.js'
import { providerRefusal } from './providers.js'

/** One variant on one provider, and what became of it when the engine started: for logs, `bench` and `doctor`. */
export interface Candidate {
  readonly variant: string
  readonly precision: Variant['precision']
  readonly provider: string
  readonly outcome: 'chosen' | 'passed' | 'refused'
  /** Median run over the goldens, ms; absent when it did not get so far. */
  readonly medianMs?: number
  /** What the choice goes by: a busy machine slows the median of one candidate and not of the other. */
  readonly fastestMs?: number
  /** Windows that one run may hold, where several were found to take less time each; and that time, ms. */
  readonly batch?: number
  readonly batchedMs?: number
  /** Why it was refused. */
  readonly reason?: string
}

/** In place of a name: let the engine choose. */
export const AUTO = 'auto'

export interface Pair {
  readonly variant: Variant
  readonly provider: string
  /** Why it need not be tried. */
  readonly refusal: string | undefined
}

/**
 * What to try, in the manifest's order. `variant` is `auto`, a file name or a precision; `provider` is `auto` or a name. A
 * provider that is asked for is tried even where the manifest does not mention it: the goldens decide.
 */
export function candidatesFor({ variants }: Pick<Manifest, 'variants'>, variant: string, provider: string): Pair[] {
  const named = variants.filter(({ file, precision }) => [AUTO, file, precision].includes(variant))
  if (named.length === 0)
    throw new EngineStartError(
      'VARIANT_UNKNOWN',
      `The bundle has no variant "${variant}"; it has ${variants.map(({ file }) => file).join(', ')}`,
    )
  const meant = named.filter(({ providers }) => provider === AUTO || providers.includes(provider))
  return (meant.length > 0 ? meant : named).flatMap(variant =>
    (provider === AUTO ? variant.providers : [provider]).map(name => ({
      variant,
      provider: name,
      refusal: providerRefusal(variant.format, name),
    })),
  )
}
