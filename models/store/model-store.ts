import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Seconds } from '../../ecg/units.js'
import { syncFolder, writeDurably } from '../../ecg/write-durably.js'
import { BundleError } from '../bundle/bundle-error.js'
import { type Bundle, loadBundle, verifyBundle } from '../bundle/load-bundle.js'

import { readTrustedKeys, type TrustedKeys } from '../bundle/trusted-keys.js'
import { SHIPPED_BUNDLE, SHIPPED_TRUST } from '../shipped-assets.js'
import { withLock } from './file-lock.js'
import { type KeyRing, openKeyRing } from './key-ring.js'
import { AS_ITS_USER, readIfThere } from './read-if-there.js'
import { StoreError } from './store-error.js'
import { EMPTY_STORE, type Installed, type Slot, type StoreState, StoreStateSchema } from './store-state.js'
import { checkCounter, installed, sameBundle } from './store-transitions.js'
import { unpackInto } from './unpack.js'

/**
 * The bundles that were installed on a gateway, in two slots, so that there is always one to go back to. Several processes
 * may use a store at once; one that is killed at any instant leaves it as it was before or as it is after.
 *
 * In the folder: `state.json`; `bundles/<sha256>.<key>/`, each whole from the moment it has that name; `incoming/`, where
 * bundles are fetched, unpacked and checked; `keys/`; the locks.
 */
export interface ModelStore {
  readonly folder: string
  /** Changes whenever the state does; for whoever watches. */
  readonly stateFile: string
  readonly keys: KeyRing
  /** A state that is not whole is moved aside, and the store is empty. Throws where it may not, or cannot, be read. */
  state(): StoreState
  /** Replaces the state by what `change` makes of it, unless that throws. */
  update(change: (state: StoreState) => StoreState): Promise<StoreState>
  /** The bundle in a slot, checked whole. Throws a `BundleError`. */
  bundleIn(slot: Slot): Promise<Bundle>
  /**
   * Checks an archive or a folder, unpacks it, lets it be proved on this machine, and makes it the active one, on trial.
   * When anything throws, the store is as it was.
   */
  install(source: BundleSource, steps: InstallSteps): Promise<Bundle>
}

/** Path of an archive or a folder, or what fetches an archive to the path that it is given. */
export type BundleSource = string | ((path: string) => Promise<void>)

export interface InstallSteps {
  /** Of all that is checked and unpacked: what is done of how much. */
  progress?(phase: InstallPhase, bytes: number, total: number): void
  /** Runs the goldens. Whatever it throws is why the bundle is refused. */
  prove(bundle: Bundle): Promise<void>
  now(): Date
}

export type InstallPhase = 'check' | 'unpack' | 'prove'

/** For a state to be read and written, by all who want to. */
const STATE_PATIENCE = Seconds(10)

/** `folder`: created when something is first written; `trust`: folders of public keys by configuration. */
export function openModelStore(folder: string, trust: readonly string[] = []): ModelStore {
  const stateFile = join(folder, 'state.json')
  const bundles = join(folder, 'bundles')
  const incoming = join(folder, 'incoming')
  const keys = openKeyRing(join(folder, 'keys'), trust)
  const placeOf = ({ sha256, key }: Pick<Installed, 'sha256' | 'key'>) => join(bundles, `${sha256}.${key}`)

  function state(): StoreState {
    const text = readIfThere(stateFile)
    if (text === undefined) return EMPTY_STORE
    try {
      return StoreStateSchema.parse(JSON.parse(text))
    } catch {
      renameSync(stateFile, `${stateFile}.damaged`)
      return EMPTY_STORE
    }
  }

  async function update(change: (state: StoreState) => StoreState): Promise<StoreState> {
    prepare(folder)
    const busy = `Another program holds ${folder}; try again when it is done`
    return withLock(join(folder, 'state.lock'), STATE_PATIENCE, busy, () => {
      const before = state()
      const after = change(before)
      if (after !== before) writeDurably(stateFile, `${JSON.stringify(after, null, 2)}\n`)
      return after
    }).catch(refused)
  }

  /** What the system did not let it write, as people are told. */
  function refused(cause: NodeJS.ErrnoException): never {
    if (cause.code === 'ENOSPC')
      throw new StoreError('STORE_FULL', `The disk under ${folder} is full; free some space, then try again`, { cause })
    if (['EACCES', 'EPERM', 'EROFS'].includes(cause.code ?? ''))
      throw new StoreError('STORE_UNUSABLE', `${folder} cannot be written (${cause.message}); ${AS_ITS_USER}`, {
        cause,
      })
    throw cause
  }

  /** Keys that count here, and with them the shipped one, which counts for the shipped bundle alone: see `checkKey`. */
  async function anyKey(): Promise<{ all: TrustedKeys; site: TrustedKeys }> {
    const site = await keys.trusted()
    return { site, all: new Map([...(await readTrustedKeys([SHIPPED_TRUST])), ...site]) }
  }

  async function bundleIn(slot: Slot): Promise<Bundle> {
    const entry = state().slots[slot]
    if (entry === null) throw new StoreError('STORE_SLOT_EMPTY', `Slot ${slot} is empty`, { exitCode: 2 })
    const { all, site } = await anyKey()
    const bundle = await verifyBundle(placeOf(entry), all)
    await checkKey(bundle, site)
    if (!sameBundle(entry, bundle))
      throw new BundleError('BUNDLE_FILE_CHANGED', `${bundle.directory} is not what was installed; install it again`)
    return bundle
  }

  async function install(source: BundleSource, steps: InstallSteps): Promise<Bundle> {
    prepare(incoming)
    const busy = 'Another bundle is being installed; wait until that is done'
    return withLock(join(folder, 'install.lock'), Seconds(0), busy, async () => {
      clear(incoming)
      try {
        return await installAlone(source, steps)
      } finally {
        clear(incoming)
      }
    }).catch(refused)
  }

  async function installAlone(
    source: BundleSource,
    { prove, progress = () => {}, now }: InstallSteps,
  ): Promise<Bundle> {
    const shipped = await loadBundle(SHIPPED_BUNDLE)
    const { all, site } = await anyKey()
    const path = typeof source === 'string' ? source : join(incoming, 'fetched.tar.gz')
    if (typeof source !== 'string') await source(path)
    const staged = join(incoming, 'unpacked')
    await unpackInto(staged, path, all, {
      progress,
      async accept(found) {
        await checkKey(found, site)
        checkCounter(state(), found.manifest, shipped.manifest)
      },
    })
    const bundle = await verifyBundle(staged, all)
    progress('prove', 0, 1)
    await prove(bundle)
    progress('prove', 1, 1)

    const { name, version, counter } = bundle.manifest
    const { sha256, key } = bundle
    const entry = { name, version, counter, sha256, key, installed: now().toISOString(), fault: null }
    prepare(bundles)
    const place = placeOf(entry)
    await keepWhole(place, all)
    if (!existsSync(place)) renameSync(staged, place)
    syncFolder(bundles)
    const after = await update(before => installed(before, entry, shipped.manifest))
    collect(after)
    return verifyBundle(place, all)
  }

  /** What has this name already is the same bundle, unless the disk has lost a part of it. */
  async function keepWhole(place: string, all: TrustedKeys): Promise<void> {
    if (!existsSync(place)) return
    try {
      await verifyBundle(place, all)
    } catch {
      renameSync(place, join(incoming, 'damaged'))
    }
  }

  /** Removes bundles that no slot names. A gateway that runs one has it in memory. */
  function collect({ slots }: StoreState): void {
    const named = Object.values(slots).flatMap(slot => (slot === null ? [] : [placeOf(slot)]))
    for (const name of readdirSync(bundles)) {
      const path = join(bundles, name)
      if (!named.includes(path)) rmSync(path, { recursive: true, force: true })
    }
  }

  return { folder, stateFile, keys, state, update, bundleIn, install }
}

/** The shipped key vouches for the shipped bundle; for another one only where its owner is trusted on this gateway. */
async function checkKey({ key, sha256, manifest }: Pick<Bundle, 'key' | 'sha256' | 'manifest'>, site: TrustedKeys) {
  if (site.has(key) || sha256 === (await loadBundle(SHIPPED_BUNDLE)).sha256) return
  throw new BundleError(
    'BUNDLE_KEY_UNKNOWN',
    `${manifest.name} ${manifest.version} is signed with key ${key}, which is not trusted on this gateway; if you trust its owner: "ecgclip key trust FILE"`,
  )
}

function prepare(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new StoreError(
      'STORE_UNUSABLE',
      `The folder ${folder} cannot be made (${(cause as Error).message}); check --data and its permissions`,
      { cause, exitCode: 2 },
    )
  }
}

function clear(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  prepare(folder)
}
