import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/**
 * A long shift with 16 patients: the real program, devices on pseudo-terminals and a broker outside, and how memory, file
 * descriptors, log and state folder grow. Samples come in real time. Windows can come up to ten times as often as by default
 * (`--hop 0.5`), so that 2.4 hours hold a day's windows, alerts and messages; that, and nothing else, is accelerated.
 *
 *     node dist/bench/day.js [--patients 16] [--minutes 144] [--hop 0.5] [--json]
 */
const { values } = parseArgs({
  options: {
    patients: { type: 'string', default: '16' },
    minutes: { type: 'string', default: '144' },
    hop: { type: 'string', default: '0.5' },
    json: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const hop = Number(values.hop)
/** How many times as many windows, alerts and messages as at the default hop of 5 s. */
const faster = 5 / hop
const SAMPLE_EVERY_MS = 10_000
const MEBIBYTE = 2 ** 20
/** From the start to every device's first window: 10 s of ECG, and what comes before. */
const FIRST_WINDOW_MS = 20_000
/** Clocks, JIT and buffers settle in the first fifth; growth is judged after it. */
const SETTLING = 0.2
const MAIN = fileURLToPath(new URL('../gateway/cli/main.js', import.meta.url))

const outside = fork(new URL('./virtual-patients.js', import.meta.url), [values.patients])
const [{ devices, port }] = (await once(outside, 'message')) as [{ devices: string[]; port: number }]
const folder = mkdtempSync(join(tmpdir(), 'ecgclip-day-'))
const config = {
  id: 'day',
  devices: devices.map(path => ({ uri: `serial:${path}` })),
  broker: { url: `mqtt://127.0.0.1:${port}` },
  monitor: { port: 0 },
  data: join(folder, 'state'),
  hopSeconds: hop,
}
writeFileSync(join(folder, 'gateway.yaml'), JSON.stringify(config))
const log = await open(join(folder, 'log'), 'w')
const gateway = spawn(process.execPath, [MAIN, 'run', '-c', join(folder, 'gateway.yaml')], {
  stdio: ['ignore', 'ignore', log.fd],
  env: { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --max-semi-space-size=2` }, // as the service's
})
// Or it would take the terminals of the next run.
process.on('exit', () => gateway.kill('SIGKILL'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const logged = () => readFileSync(join(folder, 'log'), 'utf8')
while (!logged().includes('gateway started') && gateway.exitCode === null) await sleep(100)
if (gateway.exitCode !== null) throw new Error(`the gateway did not start: ${logged()}`)
const metrics = new URL('/metrics', /"url":"([^"]+)"/.exec(logged())?.[1])

interface Sample {
  readonly hours: number
  readonly rssMiB: number
  /** Of V8, garbage included. */
  readonly heapMiB: number
  readonly externalMiB: number
  readonly descriptors: number
  readonly logBytes: number
  /** Assessed since the start. */
  readonly windows: number
}
const samples: Sample[] = []
const began = Date.now()
while (Date.now() - began < minutes * 60_000) {
  await sleep(SAMPLE_EVERY_MS)
  if (gateway.exitCode !== null) throw new Error(`the gateway ended: ${logged().slice(-2000)}`)
  const sum = await scrape()
  samples.push({
    hours: (Date.now() - began) / 3_600_000,
    rssMiB: sum('process_resident_memory_bytes') / MEBIBYTE,
    heapMiB: sum('nodejs_heap_size_used_bytes') / MEBIBYTE,
    externalMiB: sum('nodejs_external_memory_bytes') / MEBIBYTE,
    descriptors: readdirSync(`/proc/${gateway.pid}/fd`).length,
    logBytes: statSync(join(folder, 'log')).size,
    windows: sum('ecgclip_windows_total'),
  })
  const due = devices.length * Math.floor((Date.now() - began - FIRST_WINDOW_MS) / (1000 * hop))
  const { windows } = samples.at(-1)!
  // A gateway that does nothing is flat, too.
  if (windows < 0.9 * due) throw new Error(`${windows} of ${due} windows came: ${logged().slice(-2000)}`)
}
const settled = samples.filter(({ hours }) => hours > (SETTLING * minutes) / 60)
const result = {
  patients: devices.length,
  minutes,
  hop,
  'windows of how many hours at the default hop': round((minutes / 60) * faster),
  windows: samples.at(-1)!.windows,
  'RSS MiB, settled': round(settled[0]!.rssMiB),
  'RSS MiB, end': round(settled.at(-1)!.rssMiB),
  'RSS slope MiB/h': round(slope(settled, ({ rssMiB }) => rssMiB)),
  'RSS slope MiB per hour of windows': round(slope(settled, ({ rssMiB }) => rssMiB) / faster),
  'descriptors, settled': settled[0]!.descriptors,
  'descriptors, end': settled.at(-1)!.descriptors,
  'log KiB/h': round(slope(settled, ({ logBytes }) => logBytes) / 1024),
  'state folder MiB': round(sizeOf(config.data) / MEBIBYTE),
}
gateway.kill('SIGTERM')
const [code] = await once(gateway, 'exit')
outside.disconnect()
await log.close()
rmSync(folder, { recursive: true })
if (values.json) console.log(JSON.stringify({ ...result, exit: code, samples }))
else console.table(result)

/** What the gateway says of itself, as whoever watches it over years sees it: of a metric, the sum over its labels. */
async function scrape(): Promise<(metric: string) => number> {
  // Not on a connection that was kept: the gateway may be closing it at this very moment.
  const text = await fetch(metrics, { headers: { connection: 'close' } }).then(answer => answer.text())
  return metric => {
    // A metric that went away would be as flat as can be. One with labels is told, without values, from the start.
    if (!text.includes(`# TYPE ${metric} `)) throw new Error(`the gateway does not tell ${metric}`)
    return [...text.matchAll(new RegExp(`^${metric}(?:{.*})? (\\S+)$`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    )
  }
}

/** Least squares, per hour. */
function slope(points: readonly Sample[], of: (point: Sample) => number): number {
  const mean = (value: (point: Sample) => number) =>
    points.reduce((sum, point) => sum + value(point), 0) / points.length
  const [x, y] = [mean(({ hours }) => hours), mean(of)]
  const covariance = points.reduce((sum, point) => sum + (point.hours - x) * (of(point) - y), 0)
  return covariance / points.reduce((sum, { hours }) => sum + (hours - x) ** 2, 0)
}

function sizeOf(path: string): number {
  const entries = readdirSync(path, { withFileTypes: true, recursive: true }).filter(entry => entry.isFile())
  return entries.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
