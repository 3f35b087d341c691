import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as ort from 'onnxruntime-node'
import { type Goldens, readGoldens } from '../gateway/inference/goldens.js'
import { startEngine } from '../gateway/inference/start-engine.js'
import { type Bundle, loadBundle, readBundleFile } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'

/**
 * What the worker threads cost: time per window through the engine, one at a time, beside a bare onnxruntime-node loop in the
 * same process, by variant and threads inside a run.
 *
 *     node dist/bench/inference.js [--bundle DIR] [--trust DIR] [--windows N] [--threads 1,2] [--json]
 */

export interface InferenceRow {
  readonly variant: string
  readonly threads: number
  readonly windows: number
  /** ms per window. */
  readonly engine: Spread
  readonly bare: Spread
  /** Engine's median over the bare loop's. */
  readonly ratio: number
}

interface Spread {
  readonly median: number
  readonly p99: number
}

type Run = (signal: Float32Array) => Promise<unknown>

/** The two take turns, so that what else the machine does meets both. */
const TURNS = 10
const WARM_UP = 5

export async function benchInference(
  bundle: Bundle,
  options: { windows: number; threads: readonly number[] },
): Promise<InferenceRow[]> {
  const goldens = await readGoldens(bundle)
  const rows: InferenceRow[] = []
  for (const { file, format } of bundle.manifest.variants) {
    if (format !== 'onnx') continue
    for (const threads of options.threads) {
      const engine = await startEngine(bundle, { variant: file, provider: 'cpu', workers: 1, threads })
      const bare = await bareLoop(bundle, file, threads)
      const times = { engine: [] as number[], bare: [] as number[] }
      for (let turn = 0; turn < TURNS; turn++) {
        times.engine.push(...(await time(engine.assess, goldens, options.windows / TURNS)))
        times.bare.push(...(await time(bare.run, goldens, options.windows / TURNS)))
      }
      await engine.close()
      await bare.release()
      const [through, alone] = [spread(times.engine), spread(times.bare)]
      const ratio = through.median / alone.median
      rows.push({ variant: file, threads, windows: times.engine.length, engine: through, bare: alone, ratio })
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

/** ms of each run, after a few that do not count. */
async function time(run: Run, { windows }: Goldens, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = -WARM_UP; i < count; i++) {
    const started = performance.now()
    await run(windows[(i + WARM_UP) % windows.length]!)
    if (i >= 0) times.push(performance.now() - started)
  }
  return times
}

function spread(times: number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)]!, p99: sorted[Math.floor(sorted.length * 0.99)]! }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      bundle: { type: 'string', default: SHIPPED_BUNDLE },
      trust: { type: 'string', multiple: true, default: [] },
      windows: { type: 'string', default: '200' },
      threads: { type: 'string', default: '1,2' },
      json: { type: 'boolean', default: false },
    },
  })
  const bundle = await loadBundle(values.bundle, values.trust)
  const rows = await benchInference(bundle, {
    windows: Number(values.windows),
    threads: values.threads.split(',').map(Number),
  })
  if (values.json) return console.log(JSON.stringify(rows, null, 2))
  console.table(
    rows.map(({ variant, threads, engine, bare, ratio }) => ({
      variant,
      threads,
      'engine median ms': engine.median.toFixed(3),
      'engine p99 ms': engine.p99.toFixed(3),
      'bare median ms': bare.median.toFixed(3),
      'bare p99 ms': bare.p99.toFixed(3),
      ratio: ratio.toFixed(3),
    })),
  )
}

if (fileURLToPath(import.meta.url) === process.argv[1]) await main()
