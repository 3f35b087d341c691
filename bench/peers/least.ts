import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { Microseconds } from '../../ecg/units.js'
import { encodeFrame } from '../../firmware-bridge/link/cobs.js'
import { encodePacket, PacketType } from '../../firmware-bridge/link/packet.js'
import { createSerialTransport } from '../../firmware-bridge/transport/serial.js'
import type { Manifest } from '../../models/bundle/manifest.js'
import { openBareSession } from '../bare-session.js'
import { measureThisProcess } from '../measure-this-process.js'

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
const { run } = await openBareSession(readFileSync(join(bundle, file)), { input, outputs }, 1)
const window = new Float32Array(input.leads.length * input.samples)
const client = await connectAsync(`mqtt://127.0.0.1:${broker}`)

const latencies: number[] = []
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

const measured = { warmUpSeconds: Number(warmUp), seconds: Number(seconds) }
const result = await measureThisProcess(paths.length, measured, latencies)
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit())

async function assess(patient: number): Promise<void> {
  await run(window)
  await client.publishAsync(`ecg/least/device/${patient}/assessment`, MESSAGE, { qos: 1 })
}

function command(type: number): Uint8Array {
  return encodeFrame(encodePacket(type, 0, Microseconds(0)))
}
