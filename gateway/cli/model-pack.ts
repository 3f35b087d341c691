import { existsSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { loadBundle, verifyBundle } from '../../models/bundle/load-bundle.js'
import { packBundle } from '../../models/bundle/pack-bundle.js'
import { DEFAULT_SIGNING_KEY, signBundle, signFile } from '../../models/bundle/signing-key.js'
import { readTrustedKeys } from '../../models/bundle/trusted-keys.js'
import { applyOverlay } from '../../models/overlay/apply-overlay.js'
import { parseOverlay } from '../../models/overlay/load-overlay.js'
import { SHIPPED_BUNDLE, SHIPPED_TRUST } from '../../models/shipped-assets.js'
import { storeOf } from './model-store.js'

/** `ecgclip model pack`: a bundle's folder as the one file that is sent to gateways. */
export function modelPackCommand(): Command {
  return new Command('pack')
    .description('write a signed bundle as one .tar.gz; the same bundle always gives the same bytes')
    .argument('<dir>', 'the bundle’s folder')
    .option('-o, --out <file>', 'by default NAME-VERSION.tar.gz in the current folder')
    .option('--data <dir>', 'folder of the gateway’s state, whose keys are accepted')
    .option('--trust <dir>', 'folder of further public keys whose bundles are accepted')
    .action(async (folder: string, flags: { out?: string; data?: string; trust?: string }) => {
      const { store } = storeOf(flags)
      const keys = new Map([...(await readTrustedKeys([SHIPPED_TRUST])), ...(await store.keys.trusted())])
      const bundle = await verifyBundle(folder, keys)
      const { name, version } = bundle.manifest
      const out = flags.out ?? `${name.replaceAll(/[^A-Za-z0-9._-]/g, '-')}-${version}.tar.gz`
      if (existsSync(out))
        throw new EcgclipError('FILE_EXISTS', `${out} exists already; name another file with --out`, { exitCode: 2 })
      await packBundle(bundle, out)
      process.stdout.write(`${out}\n`)
    })
}

/** `ecgclip model sign-overlay`: what a site changes of a bundle's tasks. */
export function modelSignOverlayCommand(): Command {
  return new Command('sign-overlay')
    .description('sign an overlay: checks that it fits its bundle, and writes FILE.sig')
    .argument('<file>', 'the overlay, JSON')
    .option('--bundle <dir>', 'the bundle that it is for; the shipped one by default', SHIPPED_BUNDLE)
    .option('--key <file>', 'private key, PEM', DEFAULT_SIGNING_KEY)
    .option('--trust <dir>', 'folder with the public key of the bundle')
    .action(async (file: string, { bundle: folder, key, trust }: { bundle: string; key: string; trust?: string }) => {
      const bundle = await loadBundle(folder, trust === undefined ? [] : [trust])
      applyOverlay(bundle, parseOverlay(file, readFileSync(file)))
      process.stdout.write(`${signFile(file, `${file}.sig`, key)}\n`)
    })
}

/** `ecgclip model sign`: for a bundle whose key is about to be replaced. */
export function modelSignCommand(): Command {
  return new Command('sign')
    .description('sign a bundle’s folder with another key, in place of the signature that it has')
    .argument('<dir>', 'the bundle’s folder')
    .option('--key <file>', 'private key, PEM', DEFAULT_SIGNING_KEY)
    .option('--trust <dir>', 'folder with the public key of the signature that it has')
    .action(async (folder: string, { key, trust }: { key: string; trust?: string }) => {
      // Nothing is signed that has no good signature: whoever signs vouches for what is there.
      const { directory } = await loadBundle(folder, trust === undefined ? [] : [trust])
      process.stdout.write(`${signBundle(directory, key)}\n`)
    })
}
