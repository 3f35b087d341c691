import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { FOR_ALL, writeDurably } from '../../ecg/write-durably.js'
import { MANIFEST } from './parse-manifest.js'
import { keyId } from './trusted-keys.js'
import { SIGNATURE } from './verify-signature.js'

/** Where a private key lies that nobody has named: with its owner, as for quantize/ecgclip/bundle/signed_folder.py. */
export const DEFAULT_SIGNING_KEY = join(
  process.env.XDG_CONFIG_HOME || join(process.env.HOME ?? '.', '.config'), // homedir() throws for a user without an entry
  'ecgclip',
  'signing-key.pem',
)

/** Makes a private key (Ed25519, PKCS #8 PEM, readable by its owner only), and the public one beside it: `<key id>.pem`. */
export function generateSigningKey(file: string): { id: string; publicKey: string } {
  if (existsSync(file))
    throw new EcgclipError(
      'KEY_EXISTS',
      `${file} exists already; name another file, for a lost key cannot be made again`,
      {
        exitCode: 2,
      },
    )
  const pair = generateKeyPairSync('ed25519')
  const id = keyId(pair.publicKey)
  const publicKey = join(dirname(file), `${id}.pem`)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeDurably(file, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  writeFileSync(publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }))
  return { id, publicKey }
}

/** Signs a bundle's folder: writes manifest.sig over the bytes of manifest.json as they are. Returns the key's id. */
export function signBundle(folder: string, keyFile: string): string {
  return signFile(join(folder, MANIFEST), join(folder, SIGNATURE), keyFile)
}

/** Writes the signature over the bytes of a file as they are. Returns the key's id. */
export function signFile(file: string, signature: string, keyFile: string): string {
  const key = readSigningKey(keyFile)
  const id = keyId(createPublicKey(key))
  const sig = sign(null, readFileSync(file), key).toString('base64')
  writeDurably(signature, JSON.stringify({ key: id, sig }), FOR_ALL)
  return id
}

function readSigningKey(file: string): KeyObject {
  try {
    const key = createPrivateKey(readFileSync(file))
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`it is ${key.asymmetricKeyType}`)
    return key
  } catch (cause) {
    throw new EcgclipError(
      'KEY_INVALID',
      `${file} is not an Ed25519 private key in PEM form (${(cause as Error).message}); make one with "ecgclip key generate"`,
      { cause, exitCode: 2 },
    )
  }
}
