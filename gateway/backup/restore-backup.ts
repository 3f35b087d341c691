import { existsSync, type Stats } from 'node:fs'
import { chmod, cp, lchown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { extract } from 'tar'
import { loadConfig } from '../config/load-config.js'
import { type Counters, countersEntry, openOutboxLevel } from '../mqtt/outbox-level.js'
import { readSequence, SEQUENCE_FILE, writeSequence } from '../mqtt/sequence-file.js'
import { BackupError } from './backup-error.js'
import {
  type BackupManifest,
  BackupManifestSchema,
  CONFIG_FILE,
  MANIFEST_FILE,
  STATE_FOLDER,
} from './backup-manifest.js'
import { isKept, sha256 } from './make-backup.js'
import { neverTakenBack } from './never-taken-back.js'

/**
 * After the backup was made, the gateway went on numbering its alerts. Nobody knows how far, so numbering goes on far above:
 * the gap tells subscribers that something is missing, which is true; a number used twice would tell them a lie.
 */
const SEQUENCE_JUMP = 1_000_000
const SESSION_JUMP = 1000

export interface RestoreParts {
  /** Where the configuration file goes. */
  readonly configFile: string
  /** Where the state goes; undefined: where the configuration that is restored has it. */
  readonly data?: string | undefined
  /** Replaces what is there. */
  readonly force: boolean
}

/** Checks every file before it writes the first. The gateway of this state folder must not run. */
export async function restoreBackup(
  file: string,
  { configFile, force, ...given }: RestoreParts,
): Promise<BackupManifest> {
  const data = given.data ?? (await dataFolderOf(file))
  if (!force)
    for (const path of [configFile, join(data, 'sequence.json')])
      if (existsSync(path))
        throw new BackupError('BACKUP_IN_THE_WAY', `${path} exists; add --force to replace it, or restore elsewhere.`)
  await mkdir(data, { recursive: true, mode: 0o750 })
  await refuseWhileRunning(data)
  const staging = await mkdtemp(join(data, '.restore-'))
  try {
    const manifest = await unpack(file, staging)
    const state = join(staging, STATE_FOLDER)
    await neverTakenBack(data, state)
    if (existsSync(join(staging, CONFIG_FILE))) {
      await mkdir(dirname(configFile), { recursive: true })
      const before = await stat(configFile).catch(() => null)
      await cp(join(staging, CONFIG_FILE), configFile)
      if (before) {
        await chmod(configFile, before.mode & 0o777)
        await give(configFile, before)
      }
    }
    for (const folder of ['.', ...(await mirrorsIn(data)), ...(await mirrorsIn(state))])
      await numberOn(join(data, folder), join(state, folder), manifest.gateway)
    if (existsSync(state))
      await cp(state, data, {
        recursive: true,
        filter: path => isKept(relative(state, path)) && basename(path) !== SEQUENCE_FILE,
      })
    const owner = await stat(data)
    for (const path of await readdir(data, { recursive: true })) await give(join(data, path), owner)
    return manifest
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 5 }) // a stream that failed may still be writing
  }
}

/** The gateway is another user than root, who restores, and must read and write what is there. */
async function give(path: string, { uid, gid }: Stats): Promise<void> {
  if (process.getuid?.() === 0) await lchown(path, uid, gid)
}

/** Each has numbers and an outbox of its own. */
async function mirrorsIn(state: string): Promise<string[]> {
  const names = await readdir(join(state, 'mirrors')).catch(() => [])
  return names.map(name => join('mirrors', name))
}

/** The numbering of the gateway, or of one of its mirrors, from the higher of what is there and what is restored. */
async function numberOn(folder: string, restored: string, gateway: string): Promise<void> {
  const numbered = [readSequence(folder), readSequence(restored)].filter(found => found !== null)
  if (numbered.length === 0) return
  const session = Math.max(...numbered.map(({ session }) => session)) + SESSION_JUMP
  const seqLimit = Math.max(...numbered.map(({ seqLimit }) => seqLimit)) + SEQUENCE_JUMP
  await mkdir(folder, { recursive: true })
  writeSequence(folder, { session, seqLimit })
  const outbox = join(folder, 'outbox')
  if (existsSync(outbox) && !(await renumber(outbox, gateway, { session, seq: seqLimit - 1 })))
    await rename(outbox, `${outbox}.replaced-${session}`)
}

/** An outbox that is there counts for itself. False: its alerts are another gateway's, and not to be told as this one's. */
async function renumber(outbox: string, gateway: string, counters: Counters): Promise<boolean> {
  const opened = await openOutboxLevel(outbox).catch(() => null)
  if (opened === null) return true // damaged, which the gateway tells when it starts
  const { db, found } = opened
  try {
    const waiting = await db.values({ gt: 'm', lt: 'm~', limit: 1 }).all()
    const named = `"gateway":${JSON.stringify(gateway)}`
    if (![...waiting, ...found.openAlerts].every(text => text.includes(named))) return false
    const seq = Math.max(counters.seq, opened.counters?.seq ?? 0)
    await db.batch([countersEntry({ ...counters, seq })], { sync: true })
    return true
  } finally {
    await db.close()
  }
}

/** Elsewhere the gateway would not find its numbers, and begin anew with those that subscribers have seen. */
async function dataFolderOf(file: string): Promise<string> {
  const staging = await mkdtemp(join(tmpdir(), 'ecgclip-restore-'))
  try {
    await take(file, staging, path => path === CONFIG_FILE)
    const config = join(staging, CONFIG_FILE)
    return loadConfig(existsSync(config) ? config : undefined).data
  } catch (error) {
    if (error instanceof BackupError) throw error
    const why = (error as Error).message
    throw new BackupError('BACKUP_UNREADABLE', `Its configuration says no folder for the state: ${why}; give --data.`)
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 5 })
  }
}

const damaged = (file: string, why: string, cause?: unknown) =>
  new BackupError('BACKUP_DAMAGED', `${file} is not a whole backup: ${why}; nothing was restored.`, cause)

/** Files alone: no link, and nothing outside `folder`. */
async function take(file: string, folder: string, wanted: (path: string) => boolean = () => true): Promise<void> {
  if (!existsSync(file)) throw new BackupError('BACKUP_UNREADABLE', `${file} does not exist; check the path.`)
  await extract({
    file,
    cwd: folder,
    strict: true,
    filter: (path, entry) => wanted(path) && (!('type' in entry) || entry.type === 'File' || entry.type === 'OldFile'),
  }).catch(error => {
    throw damaged(file, (error as Error).message, error)
  })
}

async function unpack(file: string, staging: string): Promise<BackupManifest> {
  await take(file, staging)
  const text = await readFile(join(staging, MANIFEST_FILE), 'utf8').catch(() => 'null')
  const manifest = BackupManifestSchema.safeParse(parsed(text))
  if (!manifest.success) throw damaged(file, `its ${MANIFEST_FILE} is missing or of another kind`)
  for (const { path, sha256: expected } of manifest.data.files)
    if ((await sha256(join(staging, path)).catch(() => '')) !== expected)
      throw damaged(file, `${path} is missing or changed`)
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
