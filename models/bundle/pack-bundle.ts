import { rename, rm } from 'node:fs/promises'
import { create } from 'tar'
import type { Bundle } from './load-bundle.js'
import { MANIFEST } from './parse-manifest.js'
import { SIGNATURE } from './verify-signature.js'

/** Writes a bundle as one file, as `readArchive` wants it. The same bundle gives the same bytes, whoever packs it and when. */
export async function packBundle(bundle: Bundle, file: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`
  try {
    await create({ gzip: true, file: draft, cwd: bundle.directory, portable: true, mtime: new Date(0), strict: true }, [
      MANIFEST,
      SIGNATURE,
      ...Object.keys(bundle.paths).sort(),
    ])
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
}
