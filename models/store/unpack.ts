import { statfsSync } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { syncFolder } from '../../ecg/write-durably.js'
import { checkBundle } from '../bundle/check-bundle.js'
import { type Bundle, readBundleFile } from '../bundle/load-bundle.js'
import { MANIFEST } from '../bundle/parse-manifest.js'
import { type FileSink, readArchive, type SignedManifest } from '../bundle/read-archive.js'
import type { TrustedKeys } from '../bundle/trusted-keys.js'
import { SIGNATURE } from '../bundle/verify-signature.js'
import { StoreError } from './store-error.js'

export interface UnpackSteps {
  /** Throws when what was found must not be taken; called before a byte of it is written. */
  accept(found: SignedManifest): Promise<void>
  progress(phase: 'check' | 'unpack', bytes: number, total: number): void
}

/** Left free on the disk: the outbox and the log live there too. */
const KEEP_FREE_BYTES = 32 * 2 ** 20

/**
 * Checks the bundle in an archive or a folder, whole, and then writes it into the new folder `into`. On disk when it settles.
 * An archive is read twice: what is written is checked again as it passes, for the file may have changed in between.
 */
export async function unpackInto(into: string, path: string, keys: TrustedKeys, steps: UnpackSteps): Promise<void> {
  steps.progress('check', 0, 1)
  const found = await checkBundle(path, keys)
  steps.progress('check', 1, 1)
  await steps.accept(found)

  const total = Object.values(found.manifest.files).reduce((sum, { bytes }) => sum + bytes, 0)
  await mkdir(into, { mode: 0o700 })
  checkSpace(into, total)
  let written = 0
  const write: FileSink = async (name, content) => {
    const file = await open(join(into, name), 'wx', 0o600)
    try {
      for await (const chunk of content) {
        await file.writeFile(chunk)
        written += chunk.length
        steps.progress('unpack', Math.min(written, total), total)
      }
      await file.sync()
    } finally {
      await file.close()
    }
  }
  if ('paths' in found) await copyFiles(found, write)
  else await readArchive(path, keys, write)
  syncFolder(into)
}

async function copyFiles(bundle: Bundle, write: FileSink): Promise<void> {
  for (const name of [MANIFEST, SIGNATURE])
    await write(name, Readable.from([await readFile(join(bundle.directory, name))]))
  for (const name of Object.keys(bundle.paths)) await write(name, Readable.from([await readBundleFile(bundle, name)]))
}

function checkSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= bytes + KEEP_FREE_BYTES) return
  throw new StoreError(
    'STORE_FULL',
    `The disk under ${folder} has no room for ${bytes} bytes more and ${KEEP_FREE_BYTES} to spare; free some space`,
  )
}
