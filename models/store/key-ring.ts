import { createPublicKey, type KeyObject } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Seconds } from '../../ecg/units.js'
import { syncFolder, writeDurably } from '../../ecg/write-durably.js'
import { keyId, readTrustedKeys, type TrustedKeys } from '../bundle/trusted-keys.js'
import { SHIPPED_TRUST } from '../shipped-assets.js'
import { withLock } from './file-lock.js'
import { isThere, readIfThere } from './read-if-there.js'
import { StoreError } from './store-error.js'

/** A key and where it comes from. */
export interface KnownKey {
  readonly id: string
  /** `site`: trusted here, so that bundles may be installed with it; `shipped`: vouches for the shipped bundle alone. */
  readonly origin: 'site' | 'shipped'
  readonly revoked: boolean
}

/** The keys that a gateway trusts: `<key id>.pem`, and in `revoked.json` those that it never will again. */
export interface KeyRing {
  /** Changes when a key is revoked; for whoever watches. */
  readonly revokedFile: string
  /** Keys whose bundles may be installed and run from a slot. */
  trusted(): Promise<TrustedKeys>
  /** Keys by which what the configuration names is taken, a bundle or an overlay: the shipped ones and those of its folders. */
  configured(): Promise<TrustedKeys>
  list(): Promise<KnownKey[]>
  /** Trusts the public key in the file, from now on. Returns its id. */
  trust(file: string): string
  /** Never again. What it signed is neither installed nor started, whatever folder the key itself lies in. */
  revoke(id: string): Promise<void>
  /** Trusts the key in the file and revokes the other one, unless that one is still needed, by what `neededBy` names. */
  rotate(id: string, file: string, neededBy: readonly string[]): Promise<string>
}

/** For others who revoke a key. */
const PATIENCE = Seconds(10)

const RevokedSchema = z.strictObject({ revoked: z.array(z.string()) })

/** `folder`: where this gateway keeps its own; `trust`: further folders of public keys, by configuration. */
export function openKeyRing(folder: string, trust: readonly string[]): KeyRing {
  const revokedFile = join(folder, 'revoked.json')
  const revoked = (): string[] => {
    const text = readIfThere(revokedFile)
    if (text === undefined) return []
    try {
      return RevokedSchema.parse(JSON.parse(text)).revoked
    } catch (cause) {
      throw new StoreError(
        'STORE_UNUSABLE',
        `${revokedFile} is damaged, so that no key can be trusted; write it again: {"revoked": ["<key id>"]}`,
        { cause },
      )
    }
  }
  const sites = async () => readTrustedKeys([...(isThere(folder) ? [folder] : []), ...trust])
  const unrevoked = (keys: TrustedKeys): TrustedKeys => {
    const never = revoked()
    return new Map([...keys].filter(([id]) => !never.includes(id)))
  }

  const ring: KeyRing = {
    revokedFile,
    trusted: async () => unrevoked(await sites()),
    configured: async () => unrevoked(await readTrustedKeys([SHIPPED_TRUST, ...trust])),
    async list() {
      const never = revoked()
      const keys = [...(await sites()).keys()]
      const shipped = [...(await readTrustedKeys([SHIPPED_TRUST])).keys()].filter(id => !keys.includes(id))
      const lost = never.filter(id => !keys.includes(id) && !shipped.includes(id))
      const known = (id: string, origin: KnownKey['origin']) => ({ id, origin, revoked: never.includes(id) })
      return [...[...keys, ...lost].map(id => known(id, 'site')), ...shipped.map(id => known(id, 'shipped'))]
    },
    trust(file) {
      const key = publicKeyIn(file)
      const id = keyId(key)
      if (revoked().includes(id))
        throw new StoreError('KEY_REVOKED', `Key ${id} was revoked here; have the bundles signed with another key`, {
          exitCode: 3,
        })
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      writeDurably(join(folder, `${id}.pem`), key.export({ type: 'spki', format: 'pem' }).toString())
      return id
    },
    async revoke(id) {
      if (!/^[0-9a-f]{16}$/.test(id))
        throw new StoreError('KEY_UNKNOWN', `"${id}" is not a key id: 16 hex digits, see "ecgclip key list"`, {
          exitCode: 2,
        })
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const busy = `Another program holds ${folder}; try again when it is done`
      await withLock(join(folder, 'revoked.lock'), PATIENCE, busy, () => {
        // First this: whatever happens after it, the key is trusted no more.
        writeDurably(revokedFile, JSON.stringify({ revoked: [...new Set([...revoked(), id])] }))
        rmSync(join(folder, `${id}.pem`), { force: true })
        syncFolder(folder)
      })
    },
    async rotate(id, file, neededBy) {
      // Before anything is changed: misspelt, the old key would stay trusted beside the next one.
      if (!(await ring.list()).some(key => key.id === id))
        throw new StoreError('KEY_UNKNOWN', `There is no key ${id} here; see "ecgclip key list"`, { exitCode: 2 })
      if (neededBy.length > 0)
        throw new StoreError(
          'KEY_IN_USE',
          `Key ${id} still vouches for ${neededBy.join(' and ')}; have it signed with the next key ("ecgclip model sign") and install it again`,
          { exitCode: 3 },
        )
      const next = ring.trust(file)
      if (next === id)
        throw new StoreError('KEY_IN_USE', `${file} is the old key itself; name the next one`, { exitCode: 2 })
      await ring.revoke(id)
      return next
    },
  }
  return ring
}

function publicKeyIn(file: string): KeyObject {
  try {
    const pem = readFileSync(file, 'utf8')
    // createPublicKey would also take a private key, and whoever hands that around has made a mistake.
    if (pem.includes('PRIVATE KEY')) throw new Error('it holds a private key, which must stay with whoever signs')
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`it is ${key.asymmetricKeyType}`)
    return key
  } catch (cause) {
    throw new StoreError(
      'KEY_INVALID',
      `${file} is not an Ed25519 public key in PEM form (${(cause as Error).message}); name the .pem that "ecgclip key generate" printed`,
      { cause, exitCode: 2 },
    )
  }
}
