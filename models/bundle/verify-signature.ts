import { verify } from 'node:crypto'
import { BundleError } from './bundle-error.js'
import type { TrustedKeys } from './trusted-keys.js'

/** Name of its file in a bundle. */
export const SIGNATURE = 'manifest.sig'
export const MAX_SIGNATURE_BYTES = 1024

/**
 * `{"key": id, "sig": base64}` and nothing else: spec/bundle.md, with or without the blanks and a final newline. A pattern and
 * not a JSON parser, because a parser also takes other spellings of the same values and one changed byte must be noticed.
 */
const SIGNATURE_FILE = /^\{"key": ?"([0-9a-f]{16})", ?"sig": ?"([A-Za-z0-9+/]{86}==)"\}\n?$/

/**
 * Throws unless `signatureFile` (manifest.sig) holds a trusted key's Ed25519 signature over exactly these bytes. `bundle` names
 * it in errors. Returns the key's id.
 */
export function verifySignature(
  bundle: string,
  manifest: Uint8Array,
  signatureFile: Uint8Array,
  trusted: TrustedKeys,
): string {
  const [, id, base64] = SIGNATURE_FILE.exec(Buffer.from(signatureFile).toString('latin1')) ?? []
  const signature = Buffer.from(base64 ?? '', 'base64')
  // The last base64 digit has four unused bits, which the decoder ignores.
  if (id === undefined || signature.toString('base64') !== base64)
    throw new BundleError(
      'BUNDLE_SIGNATURE_MALFORMED',
      `${bundle}: manifest.sig is not {"key": id, "sig": base64}; fetch the bundle again or have it signed again`,
    )
  const key = trusted.get(id)
  if (key === undefined)
    throw new BundleError(
      'BUNDLE_KEY_UNKNOWN',
      `${bundle} is signed with key ${id}, which is not trusted here; add its public key to the trusted keys if you trust its owner`,
    )
  if (!verify(null, manifest, key, signature))
    throw new BundleError(
      'BUNDLE_SIGNATURE_WRONG',
      `${bundle}: manifest.json or its signature was changed after signing; fetch the bundle again`,
    )
  return id
}
