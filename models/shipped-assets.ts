import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What the package ships as data, found from the package's root, so it works from a checkout, from dist/ and installed. */

/** Where package.json lies. */
export const PACKAGE_ROOT = packageRoot(dirname(fileURLToPath(import.meta.url)))

/** The model bundle that runs when no other is named. */
export const SHIPPED_BUNDLE = join(PACKAGE_ROOT, 'models', 'reference')
/** Public keys (`<key id>.pem`) whose bundles are accepted everywhere. */
export const SHIPPED_TRUST = join(PACKAGE_ROOT, 'models', 'trust')
/** The 89 tasks as data. */
export const SHIPPED_CATALOG = join(PACKAGE_ROOT, 'models', 'catalog', 'tasks.json')
/** The simulated recording that the demo plays: a WFDB record, without ".hea". */
export const SHIPPED_DEMO_RECORDING = join(PACKAGE_ROOT, 'models', 'demo', 'demo')

function packageRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('ecgclip runs outside its package: no package.json above it')
  return packageRoot(parent)
}
