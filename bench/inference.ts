import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Goldens, readGoldens } from '../gateway/inference/goldens.js'
import { mapAssess } from '../gateway/inference/map-assess.js'
import { startEngine } from '../gateway/inference/start-engine.js'
import { type Bundle, loadBundle, readBundleFile } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'
import { openBareSession } from './bare-session.js'
import { openBareThread } from './bare-thread.js'

/**
 * What the engine costs: a window through it, one at a time, beside a bare onnxruntime-node loop in the same process, and beside
 * the least that a worker thread can do (`bare-thread.ts`); by variant and threads inside a run. Short turns of the three
 * alternate, and each is compared with those beside it, so what else the machine does meets all; processor time is that of all threads.
 *
 *     node dist/bench/inference.js [--bundle DIR] [--trust DIR] [--windows N] [--threads 1,2] [--in-flight 1] [--json]
 */

export interface InferenceRow {
  readonly variant: string
  readonly threads: number
  readonly windows: number
  /** ms per window. */
  readonly engine: Cost
  readonly thread: Cost
  readonly bare: Cost
  /** Over bare: medians of the rounds. */
  readonly engineRatio: Cost
  readonly threadRatio: Cost
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
      const model = await readBundleFile(bundle, file)
      const engine = await startEngine(bundle, { variant: file, provider: 'cpu', workers: 1, threads })
      const thread = await openBareThread(model, bundle.manifest, threads)
      const bare = await openBareSession(model, bundle.manifest, threads)
      for (const run of [engine.assess, thread.run, bare.run])
        for (const began = performance.now(); performance.now() - began < WARM_UP; ) await turn(run, goldens, TURN, 1)
      const rounds: Record<'engine' | 'thread' | 'bare', Cost>[] = []
      while (rounds.length < options.windows / TURN)
        rounds.push({
          engine: await turn(engine.assess, goldens, TURN, options.inFlight),
          bare: await turn(bare.run, goldens, TURN, 1),
          thread: await turn(thread.run, goldens, TURN, 1),
        })
      await engine.close()
      await thread.release()
      await bare.release()
      const middle = (of: (round: (typeof rounds)[number]) => Cost): Cost => ({
        wall: median(rounds.map(round => of(round).wall)),
        cpu: median(rounds.map(round => of(round).cpu)),
      })
      rows.push({
        variant: file,
        threads,
        windows: rounds.length * TURN,
        engine: middle(({ engine }) => engine),
        thread: middle(({ thread }) => thread),
        bare: middle(({ bare }) => bare),
        engineRatio: middle(({ engine, bare }) => over(engine, bare)),
        threadRatio: middle(({ thread, bare }) => over(thread, bare)),
      })
    }
  }
  return rows
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

const over = (a: Cost, b: Cost): Cost => ({ wall: a.wall / b.wall, cpu: a.cpu / b.cpu })

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
    rows.map(({ variant, threads, engine, thread, bare, engineRatio, threadRatio }) => ({
      variant,
      threads,
      'bare ms': bare.wall.toFixed(3),
      'thread ms': thread.wall.toFixed(3),
      'engine ms': engine.wall.toFixed(3),
      'thread ÷ bare': threadRatio.wall.toFixed(3),
      'engine ÷ bare': engineRatio.wall.toFixed(3),
      'CPU: bare ms': bare.cpu.toFixed(3),
      'thread ÷ bare, CPU': threadRatio.cpu.toFixed(3),
      'engine ÷ bare, CPU': engineRatio.cpu.toFixed(3),
    })),
  )
}

if (fileURLToPath(import.meta.url) === process.argv[1]) await main()
