import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { FlashError } from '../flash-error.js'
import { type McubootImage, type Tlv, TlvType } from './mcuboot-image.js'

/** A public key that images may be signed with. */
export interface ImageKey {
  /** Where it came from. */
  readonly name: string
  readonly key: KeyObject
  /** As in an image's KEYHASH: SHA-256 of the key as imgtool writes it. */
  readonly hash: Uint8Array
}

/** A PEM public key, or a private one, of which only the public half is kept. */
export function readImageKey(pem: string, name: string): ImageKey {
  const wrong = (why: string, cause?: unknown) =>
    new FlashError(
      'image-key',
      `${name} cannot be used as a key for images: ${why}; give a PEM of Ed25519, ECDSA P-256 or RSA`,
      cause,
    )
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch (error) {
    throw wrong(
      /encrypted|passphrase/i.test(String(error)) ? 'it is encrypted: take its public half' : 'it is no PEM key',
      error,
    )
  }
  const { asymmetricKeyType: type = 'an unknown kind', asymmetricKeyDetails: details } = key
  const usable = type === 'ed25519' || type === 'rsa' || (type === 'ec' && details?.namedCurve === 'prime256v1')
  if (!usable) throw wrong(`it is ${details?.namedCurve ?? type}`)
  // imgtool: RSA keys as PKCS #1, all others as SubjectPublicKeyInfo.
  const der = key.export(type === 'rsa' ? { type: 'pkcs1', format: 'der' } : { type: 'spki', format: 'der' })
  return { name, key, hash: createHash('sha256').update(der).digest() }
}

/** Names of the kinds of signature, by TLV. */
const SIGNATURES: Readonly<Record<number, { readonly name: string; readonly keyType: string }>> = {
  [TlvType.Rsa2048]: { name: 'RSA-2048', keyType: 'rsa' },
  [TlvType.Rsa3072]: { name: 'RSA-3072', keyType: 'rsa' },
  [TlvType.Ecdsa]: { name: 'ECDSA', keyType: 'ec' },
  [TlvType.Ed25519]: { name: 'Ed25519', keyType: 'ed25519' },
}

export const signaturesOf = (image: McubootImage): readonly string[] =>
  image.tlvs.flatMap(({ type }) => SIGNATURES[type]?.name ?? [])

/** The key that signed the image. Throws a `FlashError` where none of these did. */
export function verifyImage(image: McubootImage, keys: readonly ImageKey[]): ImageKey {
  const signatures = image.tlvs.filter(({ type }) => type in SIGNATURES)
  if (signatures.length === 0) throw refuse('it is not signed')
  for (const key of keys) for (const signature of signatures) if (holds(image, signature, key.key)) return key
  const signer = image.keyHash && Buffer.from(image.keyHash)
  const known = signer && keys.find(key => signer.equals(key.hash))
  if (known) throw refuse(`it claims the key ${known.name}, but its signature does not hold`)
  throw refuse(
    `it is signed with another key${signer ? ` (${signer.toString('hex', 0, 8)}…)` : ''} than ${keys.map(({ name }) => name).join(', ')}`,
  )
}

function holds(image: McubootImage, { type, value }: Tlv, key: KeyObject): boolean {
  if (SIGNATURES[type]?.keyType !== key.asymmetricKeyType) return false
  const { signedPart, hash, hashAlgorithm } = image
  switch (type) {
    case TlvType.Ed25519: {
      // Over the digest, unless the image says "pure".
      const pure = image.tlvs.some(({ type }) => type === TlvType.SignedPure)
      return verify(null, pure ? signedPart : hash, key, value)
    }
    case TlvType.Ecdsa:
      return verify(hashAlgorithm, signedPart, key, withoutPadding(value))
    default:
      return verify(hashAlgorithm, signedPart, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, value)
  }
}

/** imgtool may fill an ECDSA signature up with zeros; its DER says how long it is. */
function withoutPadding(der: Uint8Array): Uint8Array {
  return der.subarray(0, 2 + (der[1] ?? 0))
}

function refuse(why: string): FlashError {
  return new FlashError(
    'image-signature',
    `the image is not accepted: ${why}; get it from who makes the device, or give its key with --key`,
  )
}

/**
 * MCUboot's sample keys (root-*.pem in its repository), by the first bytes of their KEYHASH. Their private halves are public,
 * so anyone can sign with them.
 */
const SAMPLE_KEYS: Readonly<Record<string, string>> = {
  fc5701dc: 'root-rsa-2048.pem',
  '449793fb': 'root-rsa-3072.pem',
  e30466f6: 'root-ec-p256.pem',
  c1907fa4: 'root-ed25519.pem',
}

/** The sample key's file name, where the image says that one of these signed it. */
export function sampleKeyOf({ keyHash }: McubootImage): string | undefined {
  return keyHash && SAMPLE_KEYS[Buffer.from(keyHash).toString('hex', 0, 4)]
}
