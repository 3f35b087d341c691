import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MAX_BUNDLE_BYTES } from '../bundle/parse-manifest.js'
import { DeliveryError } from './delivery-error.js'

/** A piece of an archive. */
export interface Chunk {
  /** The same for all pieces of one archive, and for no other archive. */
  readonly transfer: string
  /** Of the first byte of `data` in the archive. */
  readonly offset: number
  /** Bytes of the archive. */
  readonly total: number
  readonly data: Buffer
}

/**
 * Puts an archive together from pieces that come in order, each answered with how much there is: who sends goes on from
 * there, also after either side was restarted. One archive at a time: the first piece of another one ends it.
 */
export interface ChunkTransfer {
  /** Bytes that there are now. A piece that does not follow on is not an error: the answer says where to go on. */
  add(chunk: Chunk): number
  /** Path of an archive of which all has come. */
  file(transfer: string): string
  drop(): void
}

/** `folder`: for nothing else; made when it is needed. */
export function createChunkTransfer(folder: string): ChunkTransfer {
  const fileOf = (transfer: string) =>
    join(folder, `${createHash('sha256').update(transfer).digest('hex').slice(0, 16)}.tar.gz`)
  const drop = () => rmSync(folder, { recursive: true, force: true })

  return {
    add({ transfer, offset, total, data }) {
      if (total < 1 || total > MAX_BUNDLE_BYTES)
        throw new DeliveryError('DELIVERY_TOO_LARGE', `A bundle has 1 to ${MAX_BUNDLE_BYTES} bytes, and not ${total}`)
      if (offset + data.length > total)
        throw new DeliveryError('DELIVERY_CHUNK_INVALID', `The piece ends at ${offset + data.length} of ${total} bytes`)
      const file = fileOf(transfer)
      const known = existsSync(file)
      if (!known && offset > 0) return 0
      if (!known) drop()
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const there = known ? statSync(file).size : 0
      if (offset !== there) return there
      appendFileSync(file, data, { mode: 0o600 })
      return there + data.length
    },
    file: fileOf,
    drop,
  }
}
