import type { Bundle } from '../bundle/load-bundle.js'
import { readTrustedKeys } from '../bundle/trusted-keys.js'
import { SHIPPED_TRUST } from '../shipped-assets.js'
import { applyOverlay } from './apply-overlay.js'
import { loadOverlay } from './load-overlay.js'

/** What puts the overlay of a file, signed by a key in one of these folders, on a bundle; without a file bundles stay as they are. */
export async function overlaid(
  file: string | undefined,
  trust: readonly string[],
): Promise<(bundle: Bundle) => Bundle> {
  if (file === undefined) return bundle => bundle
  const overlay = await loadOverlay(file, await readTrustedKeys([SHIPPED_TRUST, ...trust]))
  return bundle => applyOverlay(bundle, overlay)
}
