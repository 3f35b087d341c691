import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { create } from 'tar'
import type { Config } from '../config/config.js'
import { BackupError } from './backup-error.js'
import { type BackupManifest, CONFIG_FILE, MANIFEST_FILE, STATE_FOLDER } from './backup-manifest.js'

export interface BackupParts {
  readonly config: Config
  /** The configuration file; undefined: the gateway has none. */
  readonly configFile: string | undefined
  readonly version: string
  readonly now: Date
}

/**
 * Writes configuration and state to a `.tar.gz`, while the gateway runs or not: what is copied changes by renaming whole files.
 * Left out: secrets; and the outbox, whose alerts are this machine's to deliver and would be delivered twice.
 */
export async function makeBackup(
  file: string,
  { config, configFile, version, now }: BackupParts,
): Promise<BackupManifest> {
  if (!relative(resolve(config.data), resolve(file)).startsWith('..'))
    throw new BackupError(
      'BACKUP_IN_THE_WAY',
      `${file} lies in the state folder that it is a copy of; write it elsewhere.`,
    )
  const staging = await mkdtemp(join(dirname(file), '.ecgclip-backup-'))
  try {
    if (configFile !== undefined) await copyFile(configFile, join(staging, CONFIG_FILE))
    if (existsSync(config.data))
      await cp(config.data, join(staging, STATE_FOLDER), {
        recursive: true,
        filter: path => isKept(relative(config.data, path)),
      }).catch(error => {
        throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? changed(config.data, error) : error
      })
    const paths = (await filesBelow(staging)).sort()
    if (!paths.some(path => path.startsWith(`${STATE_FOLDER}/`)))
      throw new BackupError(
        'BACKUP_UNREADABLE',
        `${config.data} holds no state of a gateway; name its folder with --data, or as data: in its configuration.`,
      )
    const files = await Promise.all(paths.map(async path => ({ path, sha256: await sha256(join(staging, path)) })))
    const manifest: BackupManifest = {
      schema: 'urn:ecgclip:backup:1',
      gateway: config.id,
      version,
      created: now.toISOString(),
      files,
      secrets: secretFiles(config),
    }
    await writeFile(join(staging, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
    const draft = `${file}.part`
    await create({ cwd: staging, file: draft, gzip: true, portable: true, mode: 0o600 }, [MANIFEST_FILE, ...paths])
    await rename(draft, file)
    return manifest
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

/** Not the outbox, a mirror's neither, and what became of damaged ones; nor bundles on their way in, locks and drafts. */
export function isKept(path: string): boolean {
  return !/^(mirrors\/[^/]+\/)?outbox(\.|\/|$)|(^|\/)incoming(\/|$)|\.(lock|new|sock)$|^\.doctor-/.test(path)
}

export function secretFiles({ broker, mirrors, monitor }: Config): string[] {
  const brokers = [broker, ...Object.values(mirrors)].flatMap(({ passwordFile, keyFile }) => [passwordFile, keyFile])
  return [...brokers, monitor.tokenFile, monitor.tls?.keyFile].filter(file => file !== undefined)
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
}

export async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

/** A bundle that no slot names any more is removed; what would have been copied after it is not there. */
const changed = (data: string, cause: unknown) =>
  new BackupError('BACKUP_UNREADABLE', `${data} changed while it was copied: make the backup again.`, cause)
