import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { loadConfig } from '../gateway/config/load-config.js'
import { startGateway } from '../gateway/gateway.js'
import type { EndToEndOptions } from './end-to-end.js'
import { measureThisProcess } from './measure-this-process.js'

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
const latencies: number[] = []
const gateway = await startGateway({
  config,
  version: 'bench',
  log: pino({ level: 'silent' }),
  failFast: true,
  delivered: latency => latencies.push(latency),
})
process.send?.(await measureThisProcess(patients, { warmUpSeconds, seconds }, latencies))
await gateway.stop()
outside.disconnect()
await rm(data, { recursive: true, force: true })
process.disconnect()

async function firstMessage<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}
