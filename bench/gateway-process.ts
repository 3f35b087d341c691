import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { loadConfig } from '../gateway/config/load-config.js'
import { startGateway } from '../gateway/gateway.js'
import type { EndToEnd } from './end-to-end.js'

/**
 * A gateway in a process of its own, with as many patients as the first argument says, measured for as many seconds as the
 * second says, from the first windows on. Tells its parent an `EndToEnd`.
 */
const [patients, seconds] = process.argv.slice(2).map(Number) as [number, number]
/** The first windows take 10 s, and the fitting of the clocks and the JIT settle meanwhile. */
const WARM_UP_MS = 12_000

const outside = fork(new URL('./virtual-patients.js', import.meta.url), [String(patients)])
const { devices, port } = await firstMessage<{ devices: string[]; port: number }>(outside)
const data = await mkdtemp(join(tmpdir(), 'ecgclip-bench-'))
const config = loadConfig(undefined, {
  id: 'bench',
  devices: devices.map(path => ({ uri: `serial:${path}` })),
  // QoS 1, so that a PUBACK tells when the broker has it; 0 is the default of a gateway.
  broker: { url: `mqtt://127.0.0.1:${port}`, assessmentQos: 1 },
  monitor: { enabled: false },
  data,
})
let latencies: number[] = []
const gateway = await startGateway({
  config,
  version: 'bench',
  log: pino({ level: 'silent' }),
  failFast: true,
  delivered: latency => latencies.push(latency),
})
await sleep(WARM_UP_MS)
latencies = []
const before = process.cpuUsage()
const began = performance.now()
await sleep(seconds * 1000)
const { user, system } = process.cpuUsage(before)
const measured = latencies.sort((a, b) => a - b)
const result: EndToEnd = {
  patients,
  windows: measured.length,
  medianMs: quantile(measured, 0.5),
  p99Ms: quantile(measured, 0.99),
  cpuPercentPerPatient: (user + system) / 10 / (performance.now() - began) / patients,
  rssMiB: process.memoryUsage.rss() / 2 ** 20,
}
process.send?.(result)
await gateway.stop()
outside.disconnect()
await rm(data, { recursive: true, force: true })
process.disconnect()

async function firstMessage<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}
