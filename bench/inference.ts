import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as ort from 'onnxruntime-node'
import { type Goldens, readGoldens } from '../gateway/inference/goldens.js'
import { mapAssess } from '../gateway/inference/map-assess.js'
import { startEngine } from '../gateway/inference/start-engine.js'
import { type Bundle, loadBundle, readBundleFile } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'

/**
 * What the worker threads cost: a window through the engine, one at a time, beside a bare onnxruntime-node loop in the same
 * process, by variant and threads inside a run. Short turns of the two alternate, and each turn is compared with the one beside
 * it, so what else the machine does meets both; processor time is that of all threads.
 *
 *     node dist/bench/inference.js [--bundle DIR] [--trust DIR] [--windows N] [--threads 1,2] [--in-flight 1] [--json]
 */

export interface InferenceRow {
  readonly variant: string
  readonly threads: number
  readonly windows: number
  /** ms per window. */
  readonly engine: Cost
  readonly bare: Cost
  /** Engine over bare: median of the pairs of turns. */
  readonly wallRatio: number
  readonly cpuRatio: number
}

interface Cost {
  readonly wall: number
  readonly cpu: number
}

type Run = (signal: Float32Array) => Promise<unknown>

/** Windows in a turn. */
const TURN = 25
/** ms. So long V8 goes on compiling, in threads that count as the engine's. */
const WARM_UP = 4000

export async function benchInference(
  bundle: Bundle,
  options: { variant?: string; windows: number; threads: readonly number[]; inFlight: number },
): Promise<InferenceRow[]> {
  const goldens = await readGoldens(bundle)
  const rows: InferenceRow[] = []
  for (const { file, format, precision } of bundle.manifest.variants) {
    const { variant = precision } = options
    if (format !== 'onnx' || variant !== precision) continue
    for (const threads of options.threads) {
      const engine = await startEngine(bundle, { variant: file, provider: 'cpu', workers: 1, threads })
      const bare = await bareLoop(bundle, file, threads)
      for (const run of [engine.assess, bare.run])
        for (const began = performance.now(); performance.now() - began < WARM_UP; ) await turn(run, goldens, TURN, 1)
      const pairs: { engine: Cost; bare: Cost }[] = []
      while (pairs.length < options.windows / TURN) {
        const through = await turn(engine.assess, goldens, TURN, options.inFlight)
        pairs.push({ engine: through, bare: await turn(bare.run, goldens, TURN, 1) })
      }
      await engine.close()
      await bare.release()
      const middle = (of: (pair: (typeof pairs)[number]) => number) => median(pairs.map(of))
      rows.push({
        variant: file,
        threads,
        windows: pairs.length * TURN,
        engine: { wall: middle(({ engine }) => engine.wall), cpu: middle(({ engine }) => engine.cpu) },
        bare: { wall: middle(({ bare }) => bare.wall), cpu: middle(({ bare }) => bare.cpu) },
        wallRatio: middle(({ engine, bare }) => engine.wall / bare.wall),
        cpuRatio: middle(({ engine, bare }) => engine.cpu / bare.cpu),
      })
    }
  }
  return rows
}

async function bareLoop(
  bundle: Bundle,
  variant: string,
  threads: number,
): Promise<{ run: Run; release: () => Promise<void> }> {
  const { input, outputs } = bundle.manifest
  const session = await ort.InferenceSession.create(await readBundleFile(bundle, variant), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
  })
  const data = new Float32Array(input.leads.length * input.samples)
  const metadata = session.inputMetadata.find(({ name }) => name === input.name)
  const shape = metadata?.isTensor === true ? metadata.shape : []
  const tensor = new ort.Tensor(
    'float32',
    data,
    shape.map(dimension => (typeof dimension === 'number' ? dimension : 1)),
  )
  return {
    run(signal) {
      data.set(signal)
      return session.run({ [input.name]: tensor }, [outputs.logits])
    },
    release: () => session.release(),
  }
}

/** ms per window of `count` windows. */
async function turn(run: Run, { windows }: Goldens, count: number, inFlight: number): Promise<Cost> {
  const signals = Array.from({ length: count }, (_, i) => windows[i % windows.length]!)
  const before = process.cpuUsage()
  const started = performance.now()
  for await (const _ of mapAssess({ assess: run }, signals, signal => signal, inFlight));
  const wall = (performance.now() - started) / count
  const { user, system } = process.cpuUsage(before)
  return { wall, cpu: (user + system) / 1000 / count }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      bundle: { type: 'string', default: SHIPPED_BUNDLE },
      trust: { type: 'string', multiple: true, default: [] },
      windows: { type: 'string', default: '500' },
      threads: { type: 'string', default: '1,2' },
      'in-flight': { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  })
  const bundle = await loadBundle(values.bundle, values.trust)
  const rows = await benchInference(bundle, {
    windows: Number(values.windows),
    threads: values.threads.split(',').map(Number),
    inFlight: Number(values['in-flight']),
  })
  if (values.json) return console.log(JSON.stringify(rows, null, 2))
  console.table(
    rows.map(({ variant, threads, engine, bare, wallRatio, cpuRatio }) => ({
      variant,
      threads,
      'engine ms': engine.wall.toFixed(3),
      'bare ms': bare.wall.toFixed(3),
      ratio: wallRatio.toFixed(3),
      'engine CPU ms': engine.cpu.toFixed(3),
      'bare CPU ms': bare.cpu.toFixed(3),
      'CPU ratio': cpuRatio.toFixed(3),
    })),
  )
}

if (fileURLToPath(import.meta.url) === process.argv[1]) await main()
