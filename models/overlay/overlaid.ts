import type { Bundle } from '../bundle/load-bundle.js'
import type { TrustedKeys } from '../bundle/trusted-keys.js'
import { applyOverlay } from './apply-overlay.js'
import { loadOverlay } from './load-overlay.js'

/** What puts the overlay of a file, signed by one of these keys, on a bundle; without a file bundles stay as they are. */
export async function overlaid(
  file: string | undefined,
  trusted: () => Promise<TrustedKeys>,
): Promise<(bundle: Bundle) => Bundle> {
  if (file === undefined) return bundle => bundle
  const overlay = await loadOverlay(file, await trusted())
  return bundle => applyOverlay(bundle, overlay)
}
