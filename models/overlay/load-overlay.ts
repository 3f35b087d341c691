import { readFile } from 'node:fs/promises'
import type { TrustedKeys } from '../bundle/trusted-keys.js'
import { verifySignature } from '../bundle/verify-signature.js'
import { type Overlay, OverlaySchema } from './overlay.js'
import { OverlayError } from './overlay-error.js'

/** 89 heads on 512 channels as JSON take less than 2 MiB. */
const MAX_BYTES = 8 * 2 ** 20

/** The overlay in this file, signed in `<file>.sig` by a trusted key. Throws an `OverlayError` or a `BundleError`. */
export async function loadOverlay(file: string, trusted: TrustedKeys): Promise<Overlay> {
  const [bytes, signature] = await Promise.all([read(file), read(`${file}.sig`)])
  verifySignature(file, bytes, signature, trusted)
  return parseOverlay(file, bytes)
}

/** `file` names it in errors. Throws an `OverlayError`. */
export function parseOverlay(file: string, bytes: Uint8Array): Overlay {
  try {
    return OverlaySchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch (cause) {
    const { message } = cause as Error
    throw new OverlayError('OVERLAY_INVALID', `${file} is not an overlay of version 1: ${message}`, cause)
  }
}

async function read(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new OverlayError('OVERLAY_UNREADABLE', `${path} cannot be read (${cause.message}); check the path`, cause)
  })
  if (bytes.length <= MAX_BYTES) return bytes
  throw new OverlayError('OVERLAY_INVALID', `${path} has more than ${MAX_BYTES} bytes; make it smaller`)
}
