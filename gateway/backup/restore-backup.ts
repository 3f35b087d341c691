import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { extract } from 'tar'
import { readSequence, writeSequence } from '../mqtt/sequence-file.js'
import { BackupError } from './backup-error.js'
import {
  type BackupManifest,
  BackupManifestSchema,
  CONFIG_FILE,
  MANIFEST_FILE,
  STATE_FOLDER,
} from './backup-manifest.js'
import { sha256 } from './make-backup.js'

/**
 * After the backup was made, the gateway went on numbering its alerts. Nobody knows how far, so numbering goes on far above:
 * the gap tells subscribers that something is missing, which is true; a number used twice would tell them a lie.
 */
const SEQUENCE_JUMP = 1_000_000
const SESSION_JUMP = 1000

export interface RestoreParts {
  /** Where the configuration file goes. */
  readonly configFile: string
  /** Where the state goes. */
  readonly data: string
  /** Replaces what is there. */
  readonly force: boolean
}

/** Checks every file before it writes the first. The gateway of this state folder must not run. */
export async function restoreBackup(file: string, { configFile, data, force }: RestoreParts): Promise<BackupManifest> {
  if (!force)
    for (const path of [configFile, join(data, 'sequence.json')])
      if (existsSync(path))
        throw new BackupError('BACKUP_IN_THE_WAY', `${path} exists; add --force to replace it, or restore elsewhere.`)
  await mkdir(data, { recursive: true, mode: 0o750 })
  await refuseWhileRunning(data)
  const staging = await mkdtemp(join(data, '.restore-'))
  try {
    const manifest = await unpack(file, staging)
    if (existsSync(join(staging, CONFIG_FILE))) {
      await mkdir(dirname(configFile), { recursive: true })
      await cp(join(staging, CONFIG_FILE), configFile)
    }
    const numbered = [readSequence(data), readSequence(join(staging, STATE_FOLDER))].filter(found => found !== null)
    if (existsSync(join(staging, STATE_FOLDER))) await cp(join(staging, STATE_FOLDER), data, { recursive: true })
    if (numbered.length > 0)
      writeSequence(data, {
        session: Math.max(...numbered.map(({ session }) => session)) + SESSION_JUMP,
        seqLimit: Math.max(...numbered.map(({ seqLimit }) => seqLimit)) + SEQUENCE_JUMP,
      })
    return manifest
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 5 }) // a stream that failed may still be writing
  }
}

async function unpack(file: string, staging: string): Promise<BackupManifest> {
  const damaged = (why: string, cause?: unknown) =>
    new BackupError('BACKUP_DAMAGED', `${file} is not a whole backup: ${why}; nothing was restored.`, cause)
  if (!existsSync(file)) throw new BackupError('BACKUP_UNREADABLE', `${file} does not exist; check the path.`)
  await extract({
    file,
    cwd: staging,
    strict: true,
    filter: (_, entry) => !('type' in entry) || entry.type === 'File' || entry.type === 'OldFile',
  }).catch(error => {
    throw damaged((error as Error).message, error)
  })
  const text = await readFile(join(staging, MANIFEST_FILE), 'utf8').catch(() => 'null')
  const manifest = BackupManifestSchema.safeParse(parsed(text))
  if (!manifest.success) throw damaged(`its ${MANIFEST_FILE} is missing or of another kind`)
  for (const { path, sha256: expected } of manifest.data.files)
    if ((await sha256(join(staging, path)).catch(() => '')) !== expected) throw damaged(`${path} is missing or changed`)
  return manifest.data
}

/** LevelDB's own lock says whether somebody has the outbox open. */
async function refuseWhileRunning(data: string): Promise<void> {
  if (!existsSync(join(data, 'outbox'))) return
  const outbox = new ClassicLevel(join(data, 'outbox'), { createIfMissing: false })
  try {
    await outbox.open()
    await outbox.close()
  } catch (error) {
    if (((error as Error).cause as { code?: string } | undefined)?.code === 'LEVEL_LOCKED')
      throw new BackupError('BACKUP_GATEWAY_RUNS', `A gateway runs on ${data}; stop it before its state is replaced.`)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
