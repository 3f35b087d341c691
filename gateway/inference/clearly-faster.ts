/**
 * A candidate takes the place of one that the manifest names earlier only when its fastest run is this many times faster:
 * two gateways, or a gateway and `assess`, must not give different answers because the machine was busy for a moment.
 */
export const CLEARLY = 1.3

export function clearlyFaster(ms: number, thanMs: number): boolean {
  return ms * CLEARLY < thanMs
}
