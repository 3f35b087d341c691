import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { BundleError } from './bundle-error.js'

/** A file in an archive. */
export interface ArchiveEntry {
  readonly name: string
  /** To be read to its end before the next entry is asked for. */
  readonly content: AsyncIterable<Buffer>
}

/** What the reader may still unpack; whoever reads raises it as it learns what to expect. */
export interface Allowance {
  /** Of the uncompressed archive. */
  bytes: number
}

/** A tar pads every file to whole blocks, puts a header before it, and ends with two empty blocks, which most writers pad to 20. */
export const BLOCK_BYTES = 512
export const END_BYTES = 20 * BLOCK_BYTES

/** First byte of a gzip file. A tar begins with the name of its first file. */
const GZIP = 0x1f

/** Extended headers, which hold a name or a time. */
const MAX_META_BYTES = 4096

type Part = { kind: 'entry'; name: string } | { kind: 'content'; chunk: Buffer } | { kind: 'end' }

/**
 * The plain files of a `.tar.gz`, in order. Reads no further than it is asked to, and unpacks no more than it is allowed to,
 * so that neither its size on disk nor what it claims to hold costs anything. Throws a `BundleError`, also for whatever is
 * not a plain file.
 */
export async function* archiveEntries(path: string, allowance: Allowance): AsyncGenerator<ArchiveEntry> {
  const parts = archiveParts(path, allowance)
  try {
    for (let part = await parts.next(); !part.done; part = await parts.next())
      if (part.value.kind === 'entry') yield { name: part.value.name, content: contentOf(parts) }
  } finally {
    await parts.return(undefined)
  }
}

async function* contentOf(parts: AsyncGenerator<Part>): AsyncGenerator<Buffer> {
  for (let part = await parts.next(); !part.done && part.value.kind === 'content'; part = await parts.next())
    yield part.value.chunk
}

/** The parser speaks in events; they are kept for as long as one chunk is parsed. */
async function* archiveParts(path: string, allowance: Allowance): AsyncGenerator<Part> {
  const found: (Part | BundleError)[] = []
  const refuse = ({ path: name, type }: ReadEntry) =>
    found.push(
      new BundleError(
        'BUNDLE_FILE_NOT_PLAIN',
        `${path}: ${printable(name)} is not a plain file but ${type}; do not use this archive`,
      ),
    )
  const parser = new Parser({ strict: true, zstd: false, maxMetaEntrySize: MAX_META_BYTES })
  parser.on('error', cause => found.push(damaged(path, cause)))
  parser.on('ignoredEntry', refuse)
  parser.on('entry', (entry: ReadEntry) => {
    if (entry.type !== 'File' && entry.type !== 'OldFile') refuse(entry)
    else found.push({ kind: 'entry', name: entry.path })
    entry.on('data', chunk => found.push({ kind: 'content', chunk }))
    entry.on('end', () => found.push({ kind: 'end' }))
  })

  let unpacked = 0
  for await (const chunk of unzipped(path)) {
    if (unpacked === 0 && chunk[0] === GZIP) throw damaged(path, new Error('it was compressed twice'))
    unpacked += chunk.length
    if (unpacked > allowance.bytes)
      throw new BundleError(
        'BUNDLE_TOO_LARGE',
        `${path} unpacks to more than the ${allowance.bytes} bytes that it should; do not use this archive`,
      )
    parser.write(chunk)
    yield* said(found)
  }
  parser.end()
  yield* said(found)
}

function* said(found: (Part | BundleError)[]): Generator<Part> {
  for (const part of found.splice(0)) {
    if (part instanceof BundleError) throw part
    yield part
  }
}

async function* unzipped(path: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip()
  // Each stream's end, good or bad, is that of both; the error itself comes out below.
  pipeline(createReadStream(path), gunzip, () => {})
  try {
    yield* gunzip
  } catch (cause) {
    throw damaged(path, cause as Error)
  }
}

function damaged(path: string, cause: Error): BundleError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return new BundleError('BUNDLE_FILE_MISSING', `${path} does not exist; check the path`, cause)
  return new BundleError(
    'BUNDLE_ARCHIVE_INVALID',
    `${path} is not a whole .tar.gz (${cause.message}); fetch it again`,
    cause,
  )
}

/** A name from an archive that nobody vouches for, fit for a line of a log. */
export function printable(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}
