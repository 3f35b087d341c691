import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Microseconds } from '../ecg/units.js'
import { monotonicNow } from '../firmware-bridge/transport/monotonic-now.js'
import { readGoldens } from '../gateway/inference/goldens.js'
import type { InferenceError } from '../gateway/inference/inference-error.js'
import { mapAssess } from '../gateway/inference/map-assess.js'
import { type BundleEngine, startEngine } from '../gateway/inference/start-engine.js'
import { loadBundle } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'

/**
 * Many patients on one engine: time from a complete window to its result at a 5-s hop, with the patients evenly apart and all
 * at once, and what happens at twice the windows that this machine can assess.
 *
 *     node dist/bench/many-patients.js [--bundle DIR] [--trust DIR] [--variant auto] [--patients 64] [--seconds 20] [--json]
 */

interface Load {
  readonly name: string
  readonly hopMs: number
  /** All windows at the same moment instead of evenly apart. */
  readonly together: boolean
}

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: SHIPPED_BUNDLE },
    trust: { type: 'string', multiple: true, default: [] },
    variant: { type: 'string', default: 'auto' },
    patients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})
const [patients, seconds] = [Number(values.patients), Number(values.seconds)]
const HOP_MS = 5000
const CAPACITY_WINDOWS = 500

const bundle = await loadBundle(values.bundle, values.trust)
const { windows } = await readGoldens(bundle)
const engine = await startEngine(bundle, { variant: values.variant, patients })
const capacity = await windowsPerSecond(engine)
const loads: Load[] = [
  { name: 'apart', hopMs: HOP_MS, together: false },
  { name: 'together', hopMs: HOP_MS, together: true },
  { name: 'twice the capacity', hopMs: (500 * patients) / capacity, together: false },
]
const rows = []
for (const load of loads) rows.push(await measure(load))
if (values.json) console.log(JSON.stringify(rows))
else {
  console.log(`${engine.model.variant}, ${engine.workers} workers, ${capacity.toFixed(0)} windows/s at most`)
  console.table(rows)
}
await engine.close()

async function windowsPerSecond({ assess, workers }: BundleEngine): Promise<number> {
  const many = Array.from({ length: CAPACITY_WINDOWS }, (_, i) => windows[i % windows.length]!)
  const started = performance.now()
  for await (const _ of mapAssess({ assess: signal => assess(signal) }, many, signal => signal, 2 * workers));
  return (1000 * CAPACITY_WINDOWS) / (performance.now() - started)
}

async function measure({ name, hopMs, together }: Load) {
  const latencies: number[] = []
  const assessed = new Array<number>(patients).fill(0)
  const rejected: Record<string, number> = {}
  let sent = 0
  const settled: Promise<void>[] = []
  const started = performance.now()
  const end = seconds * 1000
  /** ms after the start at which the n-th window of all patients is complete. */
  const completeAt = (n: number) =>
    together ? (1 + Math.floor(n / patients)) * hopMs : ((n + patients) * hopMs) / patients
  for (; completeAt(sent) < end; sent++) {
    const wait = completeAt(sent) - (performance.now() - started)
    if (wait >= 1) await sleep(wait)
    settled.push(send(sent % patients))
  }
  await Promise.all(settled)
  latencies.sort((a, b) => a - b)
  const passedOver = rejected.PASSED_OVER ?? 0
  const rejections = Object.values(rejected).reduce((sum, count) => sum + count, 0)
  return {
    load: name,
    'hop ms': Math.round(hopMs),
    sent,
    assessed: latencies.length,
    'passed over': passedOver,
    'rejected else': rejections - passedOver,
    lost: sent - latencies.length - rejections,
    'fewest of a patient': Math.min(...assessed),
    'most of a patient': Math.max(...assessed),
    'median ms': round(latencies[latencies.length >> 1]!),
    'p99 ms': round(latencies[Math.floor(latencies.length * 0.99)]!),
    'longest ms': round(latencies.at(-1)!),
  }

  async function send(patient: number): Promise<void> {
    const complete = monotonicNow()
    const order = { patient: `patient-${patient}`, asked: complete, due: Microseconds(complete + 1000 * hopMs) }
    try {
      await engine.assess(windows[(patient + sent) % windows.length]!, order)
      latencies.push((monotonicNow() - complete) / 1000)
      assessed[patient]!++
    } catch (error) {
      const { code } = error as InferenceError
      rejected[code] = (rejected[code] ?? 0) + 1
    }
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
