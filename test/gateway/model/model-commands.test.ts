import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { modelCommands } from '../../../gateway/model/model-commands.js'
import { startModelService } from '../../../gateway/model/model-service.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { packBundle } from '../../../models/bundle/pack-bundle.js'
import { openModelStore } from '../../../models/store/model-store.js'
import { buildBundle } from '../../models/fixtures/build-bundle.js'
import { tempFolder } from '../mqtt/temp-folder.js'

t.test('the last piece, sent again after a reconnection while its archive is installed, does no harm', async t => {
  const folder = tempFolder(t) // goes after the service has stopped, which writes into it
  const { directory, trust } = buildBundle(folder, { signer: generateKeyPairSync('ed25519') })
  const file = join(folder, 'bundle.tar.gz')
  await packBundle(await loadBundle(directory, [trust]), file)
  const archive = readFileSync(file)
  const store = openModelStore(join(folder, 'store'), [trust])
  const say = () => {}
  const service = await startModelService({
    store,
    startEngine: bundle => startEngine(bundle, { variant: 'int8', workers: 1 }),
    monotonic: () => Millis(performance.now()),
    log: { info: say, warn: say, error: say },
  })
  t.teardown(service.stop)
  const [install] = modelCommands({ service, store, caFile: undefined })
  const half = archive.length >> 1
  const piece = (offset: number, end: number) => ({
    transfer: 'site-1',
    offset,
    total: archive.length,
    data: archive.toString('base64', offset, end),
  })
  t.match(await install!.run(piece(0, half), say), { phase: 'transfer', bytes: half })
  // Connections do not know of one another's commands.
  const last = () => install!.run(piece(half, archive.length), say)
  t.match(await Promise.allSettled([last(), last()]), [
    { status: 'fulfilled', value: { name: 'tiny', phase: 'trial' } },
    { status: 'fulfilled', value: { phase: 'transfer', bytes: 0 } },
  ])
  t.equal(service.bundle.manifest.name, 'tiny')
})
