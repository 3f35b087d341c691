import { createPublicKey } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readGoldens } from '../../../gateway/inference/goldens.js'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { type Bundle, loadBundle, readBundleFile } from '../../../models/bundle/load-bundle.js'
import { generateSigningKey, signFile } from '../../../models/bundle/signing-key.js'
import { applyOverlay } from '../../../models/overlay/apply-overlay.js'
import { loadOverlay } from '../../../models/overlay/load-overlay.js'
import type { Overlay } from '../../../models/overlay/overlay.js'
import { buildBundle, CHANNELS } from '../fixtures/build-bundle.js'

async function tiny(t: Test): Promise<Bundle> {
  const { directory, trust } = buildBundle(t.testdir())
  return loadBundle(directory, [trust])
}

function overlay(bundle: Bundle, changes: Partial<Overlay> = {}): Overlay {
  const { sha256 } = bundle
  return {
    schema: 'urn:ecgclip:overlay:1',
    name: 'site.1',
    bundle: sha256,
    disable: [],
    thresholds: {},
    heads: [],
    ...changes,
  }
}

function head(bundle: Bundle, id: string, weights: readonly number[], cosineScale: number | null = null, bias = 0) {
  const [task] = bundle.manifest.tasks
  const calibration = { method: 'platt', a: 1, b: 0 } as const
  return { task: { ...task!, id, calibration, alert: null, evidence: null }, weights: [...weights], bias, cosineScale }
}

t.test('a site disables tasks and moves thresholds, and what is left is answered as before', async t => {
  const bundle = await tiny(t)
  const thresholds = { AFIB: { value: 0.3, rule: 'ward 4' } }
  const changed = applyOverlay(bundle, overlay(bundle, { disable: ['NORM'], thresholds }))
  t.equal(changed.manifest.version, '1.0.0+site.1')
  t.match(changed.manifest.tasks, [
    { id: 'AFIB', threshold: { value: 0.3, rule: 'ward 4' }, alert: { clearBelow: 0.3 } },
    { id: 'PVC', threshold: { value: 0.5 } },
  ])
  const [before, after] = [
    await startEngine(bundle, { variant: 'fp32' }),
    await startEngine(changed, { variant: 'fp32' }),
  ]
  t.equal(after.model.version, '1.0.0+site.1')
  for (const window of (await readGoldens(bundle)).windows) {
    const [afib, , pvc] = (await before.assess(window)).probabilities
    t.same([...(await after.assess(window)).probabilities], [afib, pvc])
  }
  await Promise.all([before.close(), after.close()])
})

t.test('a threshold moved below the level to rule a task out by takes that level away', async t => {
  const { directory, trust } = buildBundle(t.testdir(), {
    manifest(draft) {
      draft.tasks[0]!.ruleOut = { value: 0.2, rule: 'none', sensitivity: 0.95, specificity: 0.5 }
    },
  })
  const bundle = await loadBundle(directory, [trust])
  const ruleOut = (value: number) =>
    applyOverlay(bundle, overlay(bundle, { thresholds: { AFIB: { value, rule: 'ward 4' } } })).manifest.tasks[0]!
      .ruleOut
  t.match(ruleOut(0.3), { value: 0.2 })
  t.equal(ruleOut(0.1), undefined)
})

t.test('an added head with a task’s own weights gives that task’s probability', async t => {
  const bundle = await tiny(t)
  const file = await readBundleFile(bundle, bundle.manifest.heads!.file)
  const row = Array.from({ length: 2 * CHANNELS }, (_, i) => file.readFloatLE(4 * i))
  const bias = file.readFloatLE(4 * 3 * 2 * CHANNELS)
  const twin = head(bundle, 'TWIN', row, null, bias)
  const { calibration } = bundle.manifest.tasks[0]!
  Object.assign(twin.task, { calibration })
  const engine = await startEngine(applyOverlay(bundle, overlay(bundle, { heads: [twin] })), { variant: 'fp32' })
  for (const window of (await readGoldens(bundle)).windows) {
    const { probabilities } = await engine.assess(window)
    t.equal(probabilities.length, 4)
    t.ok(Math.abs(probabilities[3]! - probabilities[0]!) < 1e-5)
  }
  await engine.close()
})

t.test('a zero-shot row answers by its angle alone, however long it is', async t => {
  const bundle = await tiny(t)
  const row = Array.from({ length: 2 * CHANNELS }, (_, i) => Math.cos(i))
  const heads = [
    head(bundle, 'A', row, 4),
    head(
      bundle,
      'B',
      row.map(value => 100 * value),
      4,
    ),
    head(
      bundle,
      'C',
      row.map(value => -value),
      4,
    ),
  ]
  const engine = await startEngine(applyOverlay(bundle, overlay(bundle, { heads })), { variant: 'int8' })
  const bound = 1 / (1 + Math.exp(-4))
  for (const window of (await readGoldens(bundle)).windows) {
    const [a, b, c] = (await engine.assess(window)).probabilities.slice(3) as unknown as [number, number, number]
    t.ok(Math.abs(a - b) < 1e-6)
    t.ok(Math.abs(a + c - 1) < 1e-6, 'the opposite row gives the opposite')
    t.ok(a <= bound && a >= 1 - bound)
  }
  await engine.close()
})

t.test('an overlay that does not fit is refused in one sentence', async t => {
  const bundle = await tiny(t)
  const row = Array<number>(2 * CHANNELS).fill(1)
  const alert = { tier: 'acute', need: 1, of: 1, clearBelow: 0.1 } as const
  const alerting = head(bundle, 'NEW', row)
  Object.assign(alerting.task, { alert })
  const both = head(bundle, 'NEW', row)
  Object.assign(both.task, { ruleOut: { value: 0.9, rule: 'none', sensitivity: 0.9, specificity: 0.5 } })
  for (const [changes, message] of [
    [{ disable: ['XYZ'] }, /no task XYZ/],
    [{ disable: ['AFIB'], thresholds: { AFIB: { value: 0.5, rule: '-' } } }, /AFIB is disabled, yet/],
    [{ thresholds: { AFIB: { value: 0.5, clearBelow: 0.6, rule: '-' } } }, /AFIB would clear above/],
    [{ heads: [head(bundle, 'AFIB', row)] }, /AFIB is there already/],
    [{ heads: [head(bundle, 'NEW', [1, 2])] }, /NEW has 2 weights; the pooled features are 16/],
    [
      {
        heads: [
          head(
            bundle,
            'NEW',
            row.map(() => 0),
            1,
          ),
        ],
      },
      /all zero/,
    ],
    [{ heads: [alerting] }, /NEW may alert without evidence/],
    [{ heads: [both] }, /NEW is ruled out above its threshold/],
    [{ disable: ['AFIB', 'NORM', 'PVC'] }, /no task would be left/],
  ] as const)
    t.throws(() => applyOverlay(bundle, overlay(bundle, changes as Partial<Overlay>)), {
      code: 'OVERLAY_INCONSISTENT',
      message,
    })
  t.throws(() => applyOverlay(bundle, overlay(bundle, { bundle: '0'.repeat(64) })), {
    code: 'OVERLAY_FOR_ANOTHER_BUNDLE',
  })
})

t.test('only what a trusted key has signed is loaded', async t => {
  const bundle = await tiny(t)
  const folder = t.testdirName
  const file = join(folder, 'overlay.json')
  const written = overlay(bundle, { disable: ['NORM'] })
  writeFileSync(file, JSON.stringify(written))
  const { id, publicKey } = generateSigningKey(join(folder, 'key.pem'))
  signFile(file, `${file}.sig`, join(folder, 'key.pem'))
  const mine = new Map([[id, createPublicKey(readFileSync(publicKey))]])
  t.same(await loadOverlay(file, mine), written)
  await t.rejects(loadOverlay(file, new Map()), { code: 'BUNDLE_KEY_UNKNOWN' })
  appendFileSync(file, ' ')
  await t.rejects(loadOverlay(file, mine), { code: 'BUNDLE_SIGNATURE_WRONG' })
  await t.rejects(loadOverlay(join(folder, 'none.json'), mine), { code: 'OVERLAY_UNREADABLE' })
})
