import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { loadConfig } from '../gateway/config/load-config.js'
import { startGateway } from '../gateway/gateway.js'
import type { EndToEnd, EndToEndOptions } from './end-to-end.js'

/**
 * A gateway in a process of its own, with as many patients as the first argument says, measured from the first windows on; the
 * second argument is its `EndToEndOptions`. Tells its parent an `EndToEnd`.
 */
const patients = Number(process.argv[2])
const {
  seconds,
  warmUpSeconds = 12,
  bundle,
  trust,
  variant,
  hopSeconds,
} = JSON.parse(process.argv[3]!) as EndToEndOptions
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
  ...(bundle && { bundle }),
  ...(trust && { trust }),
  ...(variant && { inference: { variant } }),
  ...(hopSeconds && { hopSeconds }),
})
let latencies: number[] = []
const gateway = await startGateway({
  config,
  version: 'bench',
  log: pino({ level: 'silent' }),
  failFast: true,
  delivered: latency => latencies.push(latency),
})
await sleep(1000 * warmUpSeconds)
latencies = []
const before = process.cpuUsage()
const began = performance.now()
await sleep(seconds * 1000)
const { user, system } = process.cpuUsage(before)
const cpuMs = (user + system) / 1000
const measured = latencies.sort((a, b) => a - b)
const result: EndToEnd = {
  patients,
  windows: measured.length,
  medianMs: quantile(measured, 0.5),
  p99Ms: quantile(measured, 0.99),
  cpuPercentPerPatient: (100 * cpuMs) / (performance.now() - began) / patients,
  cpuMsPerWindow: cpuMs / measured.length,
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
