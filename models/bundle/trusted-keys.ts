import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BundleError } from './bundle-error.js'

/** Public keys by key id. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>

/** First 16 hex digits of SHA-256 over the raw 32-byte Ed25519 public key. */
export function keyId(key: KeyObject): string {
  const raw = Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url')
  return createHash('sha256').update(raw).digest('hex').slice(0, 16)
}

/** Every `*.pem` of the folders: Ed25519 public keys in SPKI form. Anything else under that name is an error, not a surprise. */
export async function readTrustedKeys(folders: readonly string[]): Promise<TrustedKeys> {
  const keys = new Map<string, KeyObject>()
  for (const folder of folders) {
    for (const name of (await namesIn(folder)).filter(name => name.endsWith('.pem'))) {
      const key = await readPublicKey(join(folder, name))
      keys.set(keyId(key), key)
    }
  }
  return keys
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (cause) {
    throw new BundleError(
      'BUNDLE_TRUST_INVALID',
      `The folder of trusted keys ${folder} cannot be read; check the path and its permissions`,
      cause,
    )
  }
}

async function readPublicKey(path: string): Promise<KeyObject> {
  try {
    const pem = await readFile(path, 'utf8')
    // createPublicKey would also take a private key, which has no business on a gateway.
    if (!pem.startsWith('-----BEGIN PUBLIC KEY-----')) throw new Error('not an SPKI public key')
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${key.asymmetricKeyType} instead of ed25519`)
    return key
  } catch (cause) {
    throw new BundleError(
      'BUNDLE_TRUST_INVALID',
      `${path} is not an Ed25519 public key in PEM (SPKI) form; remove it or replace it with the public key`,
      cause,
    )
  }
}
