import { stat } from 'node:fs/promises'
import { BundleError } from './bundle-error.js'
import { type Bundle, verifyBundle } from './load-bundle.js'
import { MAX_BUNDLE_BYTES } from './parse-manifest.js'
import { readArchive, type SignedManifest } from './read-archive.js'
import type { TrustedKeys } from './trusted-keys.js'

/** Checks a bundle whole, whether it is a folder or an archive, and writes nothing. Throws a `BundleError`. */
export async function checkBundle(path: string, keys: TrustedKeys): Promise<Bundle | SignedManifest> {
  const found = await stat(path).catch((cause: Error) => {
    throw new BundleError('BUNDLE_FILE_MISSING', `${path} does not exist; check the path`, cause)
  })
  if (found.isDirectory()) return verifyBundle(path, keys)
  if (!found.isFile())
    throw new BundleError('BUNDLE_FILE_NOT_PLAIN', `${path} is neither a .tar.gz nor a folder; check the path`)
  if (found.size > MAX_BUNDLE_BYTES)
    throw new BundleError('BUNDLE_TOO_LARGE', `${path} is larger than ${MAX_BUNDLE_BYTES} bytes; it is no bundle`)
  return readArchive(path, keys)
}
