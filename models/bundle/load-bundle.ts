import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { TaskSource } from '../overlay/overlay.js'
import { SHIPPED_TRUST } from '../shipped-assets.js'
import { BundleError } from './bundle-error.js'
import type { Manifest } from './manifest.js'
import { MANIFEST, MAX_MANIFEST_BYTES, parseManifest } from './parse-manifest.js'
import { parseQualityModel, type QualityModel } from './quality-model.js'
import { readTrustedKeys, type TrustedKeys } from './trusted-keys.js'
import { MAX_SIGNATURE_BYTES, SIGNATURE, verifySignature } from './verify-signature.js'

/** A bundle whose every byte was vouched for by a trusted key when it was loaded. */
export interface Bundle {
  readonly manifest: Manifest
  /** Real path of the folder. */
  readonly directory: string
  /** SHA-256 of manifest.json, hex: names the whole bundle, since the manifest holds the hash of every other file. */
  readonly sha256: string
  /** Id of the key that signed it. */
  readonly key: string
  /** What says which leads of a window can be read; undefined: the bundle has no such model. */
  readonly quality?: QualityModel
  /** Where each task comes from, if an overlay changed them; undefined: the n-th task from the n-th logit. */
  readonly sources?: readonly TaskSource[]
  /** Logits that the network gives, if an overlay changed the tasks. */
  readonly modelTasks?: number
  /** Path of every file that the manifest lists, by name. */
  readonly paths: Readonly<Record<string, string>>
}

/**
 * Reads and checks a bundle's folder: signature, schema, meaning, then size and SHA-256 of every file. Throws a `BundleError`.
 * Keys in `trust` (folders) are accepted beside the shipped ones.
 */
export async function loadBundle(directory: string, trust: readonly string[] = []): Promise<Bundle> {
  return verifyBundle(directory, await readTrustedKeys([SHIPPED_TRUST, ...trust]))
}

/** The same, with these keys and no others. */
export async function verifyBundle(directory: string, trusted: TrustedKeys): Promise<Bundle> {
  const folder = await readable(directory, realpath(directory))
  const names = await plainFiles(folder)
  const manifestBytes = await readWhole(join(folder, MANIFEST), MAX_MANIFEST_BYTES)
  const signature = await readWhole(join(folder, SIGNATURE), MAX_SIGNATURE_BYTES)
  const key = verifySignature(folder, manifestBytes, signature, trusted)
  const manifest = parseManifest(folder, manifestBytes)

  const listed = Object.keys(manifest.files)
  const stray = names.find(name => name !== MANIFEST && name !== SIGNATURE && !Object.hasOwn(manifest.files, name))
  if (stray !== undefined)
    throw new BundleError('BUNDLE_FILE_UNLISTED', `${join(folder, stray)} is not part of the bundle; remove it`)
  const paths = Object.freeze(Object.fromEntries(listed.map(name => [name, join(folder, name)])))
  const bundle = { manifest, directory: folder, sha256: sha256Of(manifestBytes), key, paths }
  for (const name of listed) await checkFile(bundle, name)
  const file = manifest.quality?.file
  if (file === undefined) return Object.freeze(bundle)
  const quality = parseQualityModel(paths[file]!, await readBundleFile(bundle, file), manifest.input)
  return Object.freeze({ ...bundle, quality })
}

/** One file of the bundle, checked again as it is read: the folder may have changed since the bundle was loaded. */
export async function readBundleFile(bundle: Bundle, name: string): Promise<Buffer> {
  const path = bundle.paths[name]!
  const bytes = await readWhole(path, bundle.manifest.files[name]!.bytes)
  if (sha256Of(bytes) !== bundle.manifest.files[name]!.sha256) throw changed(path)
  return bytes
}

/** Names in the folder. Only plain files are allowed: a link could lead out of it, a pipe could block. */
async function plainFiles(folder: string): Promise<string[]> {
  const entries = await readable(folder, readdir(folder, { withFileTypes: true }))
  for (const entry of entries)
    if (!entry.isFile())
      throw new BundleError('BUNDLE_FILE_NOT_PLAIN', `${join(folder, entry.name)} is not a plain file; remove it`)
  return entries.map(({ name }) => name)
}

/** Size and SHA-256 as the manifest says, streamed. */
async function checkFile({ manifest, paths }: Bundle, name: string): Promise<void> {
  const path = paths[name]!
  const expected = manifest.files[name]!
  const file = await openPlain(path)
  try {
    if ((await file.stat()).size !== expected.bytes) throw changed(path)
    if ((await readable(path, sha256OfFile(file, expected.bytes))) !== expected.sha256) throw changed(path)
  } finally {
    await file.close()
  }
}

async function readWhole(path: string, maxBytes: number): Promise<Buffer> {
  const file = await openPlain(path)
  try {
    if ((await file.stat()).size > maxBytes)
      throw new BundleError('BUNDLE_TOO_LARGE', `${path} is larger than ${maxBytes} bytes; fetch the bundle again`)
    return await readable(path, file.readFile())
  } finally {
    await file.close()
  }
}

/** O_NOFOLLOW: a link that took the file's place after the folder was listed is not followed. */
function openPlain(path: string): Promise<FileHandle> {
  return readable(path, open(path, constants.O_RDONLY | constants.O_NOFOLLOW))
}

async function readable<T>(path: string, result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new BundleError(
        'BUNDLE_FILE_MISSING',
        `${path} does not exist; check the path or fetch the bundle again`,
        cause,
      )
    throw new BundleError('BUNDLE_UNREADABLE', `${path} cannot be read: ${(cause as Error).message}`, cause)
  }
}

function changed(path: string): BundleError {
  return new BundleError('BUNDLE_FILE_CHANGED', `${path} was changed after signing; fetch the bundle again`)
}

/** Reads one byte more than expected at most, so a file that grows meanwhile cannot keep it busy. */
async function sha256OfFile(file: FileHandle, expectedBytes: number): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of file.createReadStream({ autoClose: false, end: expectedBytes })) hash.update(chunk)
  return hash.digest('hex')
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
