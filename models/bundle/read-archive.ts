import { createHash } from 'node:crypto'
import {
  type Allowance,
  type ArchiveEntry,
  archiveEntries,
  BLOCK_BYTES,
  END_BYTES,
  printable,
} from './archive-entries.js'
import { BundleError } from './bundle-error.js'
import type { Manifest } from './manifest.js'
import { MANIFEST, MAX_MANIFEST_BYTES, parseManifest } from './parse-manifest.js'
import type { TrustedKeys } from './trusted-keys.js'
import { MAX_SIGNATURE_BYTES, SIGNATURE, verifySignature } from './verify-signature.js'

/** What a trusted key vouches for. */
export interface SignedManifest {
  readonly manifest: Manifest
  /** SHA-256 of manifest.json, hex. */
  readonly sha256: string
  /** Id of the key that signed it. */
  readonly key: string
}

/** Takes one file of a bundle, piece by piece. */
export type FileSink = (name: string, content: AsyncIterable<Buffer>) => Promise<void>

/** Until its signature holds, an archive may unpack to this: manifest, signature, their headers and names in long form. */
const HEAD_BYTES = MAX_MANIFEST_BYTES + MAX_SIGNATURE_BYTES + END_BYTES + 16 * BLOCK_BYTES

/**
 * Reads a bundle that is one file: a gzip of a tar, whose first entries are manifest.json and manifest.sig, and then, in any
 * order, each file that the manifest lists, and nothing else. The signature is checked before anything after it is read, size
 * and SHA-256 of each file as it passes; only when all is read and nothing was thrown is `sink` left with what was signed.
 */
export async function readArchive(path: string, trusted: TrustedKeys, sink: FileSink = drain): Promise<SignedManifest> {
  const allowance = { bytes: HEAD_BYTES }
  const entries = archiveEntries(path, allowance)
  try {
    const bytes = await head(path, entries, MANIFEST, MAX_MANIFEST_BYTES)
    const signature = await head(path, entries, SIGNATURE, MAX_SIGNATURE_BYTES)
    const key = verifySignature(path, bytes, signature, trusted)
    const manifest = parseManifest(path, bytes)
    await sink(MANIFEST, whole(bytes))
    await sink(SIGNATURE, whole(signature))
    await readFiles(path, entries, allowance, manifest, sink)
    return { manifest, sha256: createHash('sha256').update(bytes).digest('hex'), key }
  } finally {
    await entries.return(undefined)
  }
}

async function readFiles(
  path: string,
  entries: AsyncGenerator<ArchiveEntry>,
  allowance: Allowance,
  { files }: Manifest,
  sink: FileSink,
): Promise<void> {
  for (const { bytes } of Object.values(files)) allowance.bytes += 4 * BLOCK_BYTES + bytes
  const missing = new Set(Object.keys(files))
  for await (const { name, content } of entries) {
    if (!missing.delete(name)) throw unexpected(path, name, files)
    await sink(name, checked(`${path}: ${name}`, content, files[name]!))
  }
  const [absent] = missing
  if (absent !== undefined)
    throw new BundleError('BUNDLE_FILE_MISSING', `${path} lacks ${absent}; fetch the bundle again`)
}

/** One of the first two entries, whole. */
async function head(
  path: string,
  entries: AsyncGenerator<ArchiveEntry>,
  name: string,
  maxBytes: number,
): Promise<Buffer> {
  const entry = await entries.next()
  if (entry.done || entry.value.name !== name)
    throw new BundleError(
      'BUNDLE_ARCHIVE_ORDER',
      `${path} has ${entry.done ? 'nothing' : printable(entry.value.name)} where ${name} must be; make the archive with "ecgclip model pack"`,
    )
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of entry.value.content) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new BundleError('BUNDLE_TOO_LARGE', `${path}: ${name} is larger than ${maxBytes} bytes; fetch it again`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Passes on what was signed, and throws at the first byte too many, or at the end. */
async function* checked(
  what: string,
  content: AsyncIterable<Buffer>,
  expected: Manifest['files'][string],
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  let bytes = 0
  const changed = () => new BundleError('BUNDLE_FILE_CHANGED', `${what} was changed after signing; fetch it again`)
  for await (const chunk of content) {
    bytes += chunk.length
    if (bytes > expected.bytes) throw changed()
    hash.update(chunk)
    yield chunk
  }
  if (bytes !== expected.bytes || hash.digest('hex') !== expected.sha256) throw changed()
}

function unexpected(path: string, name: string, files: Manifest['files']): BundleError {
  if (Object.hasOwn(files, name) || name === MANIFEST || name === SIGNATURE)
    return new BundleError('BUNDLE_FILE_REPEATED', `${path} holds ${name} twice; do not use this archive`)
  if (/[/\\]|^\.\.?$/.test(name))
    return new BundleError(
      'BUNDLE_ARCHIVE_UNSAFE',
      `${path}: ${printable(name)} leads out of it; do not use this archive`,
    )
  return new BundleError(
    'BUNDLE_FILE_UNLISTED',
    `${path}: ${printable(name)} is not part of the bundle; fetch it again`,
  )
}

async function* whole(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

async function drain(_: string, content: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of content);
}
