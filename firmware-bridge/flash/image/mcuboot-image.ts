import { createHash } from 'node:crypto'
import { FlashError } from '../flash-error.js'
import { whatItIs } from './what-it-is.js'

/**
 * A signed image as MCUboot boots it (MCUboot, docs/design.md, "Image format"), little-endian:
 *
 *   header · body · protected TLVs (info magic 0x6908), which the hash covers, too · TLVs (0x6907) · perhaps a trailer
 */
export interface McubootImage {
  readonly version: ImageVersion
  readonly loadAddress: number
  readonly flags: number
  readonly bodyBytes: number
  readonly tlvs: readonly Tlv[]
  /** SHA-256, -384 or -512 of `signedPart`: by this the device lists, tests and confirms the image. */
  readonly hash: Uint8Array
  readonly hashAlgorithm: 'sha256' | 'sha384' | 'sha512'
  /** Header, body and protected TLVs. */
  readonly signedPart: Uint8Array
  /** Without a trailer or padding behind the TLVs. */
  readonly imageBytes: number
  /** SHA-256 of the public key that signed it, as far as it says so. */
  readonly keyHash: Uint8Array | undefined
}

export interface ImageVersion {
  readonly major: number
  readonly minor: number
  readonly revision: number
  readonly build: number
}

export interface Tlv {
  readonly type: number
  readonly protected: boolean
  readonly value: Uint8Array
}

export const TlvType = {
  KeyHash: 0x01,
  Sha256: 0x10,
  Sha384: 0x11,
  Sha512: 0x12,
  Rsa2048: 0x20,
  Ecdsa: 0x22,
  Rsa3072: 0x23,
  Ed25519: 0x24,
  SignedPure: 0x25,
  SecurityCounter: 0x50,
} as const

export const IMAGE_MAGIC = 0x96f3_b83d
const HEADER_BYTES = 32
/** IMAGE_F_ENCRYPTED_AES128 and …AES256. The hash is of what was encrypted. */
const ENCRYPTED = 0x4 | 0x8
const TLV_INFO_BYTES = 4
const TLV_HEAD_BYTES = 4
const UNPROTECTED_MAGIC = 0x6907
const PROTECTED_MAGIC = 0x6908
const HASHES = {
  [TlvType.Sha256]: 'sha256',
  [TlvType.Sha384]: 'sha384',
  [TlvType.Sha512]: 'sha512',
} as const

/** Reads and checks everything that needs no key. Throws a `FlashError` that says what else the file is. */
export function parseMcubootImage(file: Uint8Array, name = 'the file'): McubootImage {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
  if (bytes.length < 4 || bytes.readUInt32LE(0) !== IMAGE_MAGIC) {
    throw new FlashError('image-foreign', `${name} is not an MCUboot image: ${whatItIs(file)}`)
  }
  const damaged = (how: string) =>
    new FlashError('image-damaged', `${name} is a damaged MCUboot image (${how}): get it again`)
  if (bytes.length < HEADER_BYTES) throw damaged(`${bytes.length} bytes are not a whole header`)
  const headerBytes = bytes.readUInt16LE(8)
  const protectedBytes = bytes.readUInt16LE(10)
  const bodyBytes = bytes.readUInt32LE(12)
  const tlvStart = headerBytes + bodyBytes
  if (headerBytes < HEADER_BYTES || tlvStart + protectedBytes + TLV_INFO_BYTES > bytes.length) {
    throw damaged(
      `${bytes.length} bytes where its header tells of at least ${tlvStart + protectedBytes + TLV_INFO_BYTES}`,
    )
  }
  const covered = protectedBytes > 0 ? readTlvs(bytes, tlvStart, PROTECTED_MAGIC) : { tlvs: [], end: tlvStart }
  if (!covered || covered.end !== tlvStart + protectedBytes) throw damaged('its protected records do not add up')
  const open = readTlvs(bytes, covered.end, UNPROTECTED_MAGIC)
  if (!open) throw damaged('its records do not add up')
  const tlvs = [...covered.tlvs, ...open.tlvs]
  const signedPart = bytes.subarray(0, covered.end)
  const hashes = tlvs.filter(({ type }) => type in HASHES)
  if (hashes.length !== 1) throw damaged(`it has ${hashes.length} hashes instead of one`)
  const hashAlgorithm = HASHES[hashes[0]!.type as keyof typeof HASHES]
  const hash = hashes[0]!.value
  if (!createHash(hashAlgorithm).update(signedPart).digest().equals(hash)) {
    if (bytes.readUInt32LE(16) & ENCRYPTED) {
      throw new FlashError(
        'image-foreign',
        `${name} is encrypted, so that only its device can check it: send it with another client of mcumgr`,
      )
    }
    throw damaged('its hash does not hold')
  }
  return {
    version: {
      major: bytes.readUInt8(20),
      minor: bytes.readUInt8(21),
      revision: bytes.readUInt16LE(22),
      build: bytes.readUInt32LE(24),
    },
    loadAddress: bytes.readUInt32LE(4),
    flags: bytes.readUInt32LE(16),
    bodyBytes,
    tlvs,
    hash,
    hashAlgorithm,
    signedPart,
    imageBytes: open.end,
    keyHash: tlvs.find(({ type }) => type === TlvType.KeyHash)?.value,
  }
}

function readTlvs(bytes: Buffer, start: number, magic: number): { tlvs: Tlv[]; end: number } | undefined {
  if (start + TLV_INFO_BYTES > bytes.length || bytes.readUInt16LE(start) !== magic) return undefined
  const end = start + bytes.readUInt16LE(start + 2)
  if (end > bytes.length) return undefined
  const tlvs: Tlv[] = []
  let at = start + TLV_INFO_BYTES
  while (at + TLV_HEAD_BYTES <= end) {
    const value = at + TLV_HEAD_BYTES
    const next = value + bytes.readUInt16LE(at + 2)
    if (next > end) return undefined
    tlvs.push({
      type: bytes.readUInt16LE(at),
      protected: magic === PROTECTED_MAGIC,
      value: bytes.subarray(value, next),
    })
    at = next
  }
  return at === end ? { tlvs, end } : undefined
}
