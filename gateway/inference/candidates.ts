import type { Manifest, Variant } from '../../models/bundle/manifest.js'
import type { Candidate } from './candidate.js'
import { EngineStartError } from './inference-error.js'
import type { Outcome } from './measurement.js'
import { PROVIDERS, type Provider, providerRefusal } from './providers.js'

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

/** A line of the table. */
export function candidateOf({ variant, provider }: Pair, outcome: Outcome, chosen: boolean): Candidate {
  const what = { variant: variant.file, precision: variant.precision, provider }
  if ('refusal' in outcome) return { ...what, outcome: 'refused', reason: outcome.refusal }
  const { medianMs, fastestMs, batch, batchedMs } = outcome
  const together = batch > 1 && { batch, batchedMs }
  return { ...what, outcome: chosen ? 'chosen' : 'passed', medianMs, fastestMs, ...together }
}

export function nothingPassed(candidates: readonly Candidate[]): EngineStartError {
  const variants = new Map<string, string[]>()
  for (const { variant, provider, reason } of candidates) {
    const why = `on ${provider}: ${reason}`
    variants.set(why, [...(variants.get(why) ?? []), variant])
  }
  const reasons = [...variants].map(([why, files]) => `${files.join(', ')} ${why}`)
  return new EngineStartError(
    'NO_VARIANT_PASSED',
    `The model cannot run here (${reasons.join('; ')}); choose another variant or provider, or install another bundle`,
    { candidates },
  )
}

/** A provider that the bundle does not mention; `refusal`: why this machine could not try it either. */
export interface NotTried extends Provider {
  readonly refusal: string | undefined
}

export function providersNotTried(candidates: readonly Candidate[]): NotTried[] {
  const tried = new Set(candidates.map(({ variant, provider }) => `${formatOf(variant)} ${provider}`))
  return PROVIDERS.filter(({ format, name }) => !tried.has(`${format} ${name}`)).map(provider => ({
    ...provider,
    refusal: providerRefusal(provider.format, provider.name),
  }))
}

function formatOf(variant: string): string {
  return variant.slice(variant.lastIndexOf('.') + 1)
}
