import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import * as ort from 'onnxruntime-node'
import { Microseconds } from '../../ecg/units.js'
import { encodeFrame } from '../../firmware-bridge/link/cobs.js'
import { encodePacket, PacketType } from '../../firmware-bridge/link/packet.js'
import { createSerialTransport } from '../../firmware-bridge/transport/serial.js'
import type { Manifest } from '../../models/bundle/manifest.js'
import type { EndToEnd } from '../end-to-end.js'

/**
 * The least that a Node program takes which does the gateway's errand with the gateway's packages and its way of reading ports: it
 * throws the bytes away, runs the bundle's int8 network on zeros every 5 s for each, and publishes a message as long as the peer's.
 * No packets, windows, threads, alerts.
 *
 *     node least.js BUNDLE BROKER_PORT WARM_UP_SECONDS SECONDS PORT...
 */

const HOP_MS = 5000
const BAUD = 921600
/** Bytes. */
const MESSAGE = Buffer.alloc(1800, 32)

const [bundle, broker, warmUp, seconds, ...paths] = process.argv.slice(2) as [string, string, string, string]
const { input, outputs, variants } = JSON.parse(readFileSync(join(bundle, 'manifest.json'), 'utf8')) as Manifest
const { file } = variants.find(({ format, precision }) => format === 'onnx' && precision === 'int8')!
const session = await ort.InferenceSession.create(join(bundle, file), {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  graphOptimizationLevel: 'all',
})
const shape = [1, input.leads.length, input.samples]
const window = new ort.Tensor('float32', new Float32Array(input.leads.length * input.samples), shape)
const client = await connectAsync(`mqtt://127.0.0.1:${broker}`)

let latencies: number[] = []
const start = Buffer.concat([PacketType.HelloRequest, PacketType.Start].map(command))
paths.forEach((path, patient) => {
  const port = createSerialTransport(path, BAUD)
  let next = performance.now() + HOP_MS * (2 + patient / paths.length)
  function bytes(): void {
    const arrived = performance.now()
    if (arrived < next) return
    next += HOP_MS
    void assess(patient).then(() => latencies.push(performance.now() - arrived))
  }
  void port.open({ bytes, closed: reason => console.error(reason) }).then(() => port.write(start))
})

await sleep(1000 * Number(warmUp))
latencies = []
const before = process.cpuUsage()
const began = performance.now()
await sleep(1000 * Number(seconds))
const { user, system } = process.cpuUsage(before)
const spent = (user + system) / 1000
const sorted = latencies.toSorted((a, b) => a - b)
const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
const result: EndToEnd = {
  patients: paths.length,
  windows: sorted.length,
  medianMs: quantile(0.5),
  p99Ms: quantile(0.99),
  cpuPercentPerPatient: (100 * spent) / (performance.now() - began) / paths.length,
  cpuMsPerWindow: spent / sorted.length,
  rssMiB: process.memoryUsage.rss() / 2 ** 20,
}
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit())

async function assess(patient: number): Promise<void> {
  await session.run({ [input.name]: window }, [outputs.logits])
  await client.publishAsync(`ecg/least/device/${patient}/assessment`, MESSAGE, { qos: 1 })
}

function command(type: number): Uint8Array {
  return encodeFrame(encodePacket(type, 0, Microseconds(0)))
}
