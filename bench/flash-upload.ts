import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { parseMcubootImage } from '../firmware-bridge/flash/image/mcuboot-image.js'
import { openFlashDevice } from '../firmware-bridge/flash/open-flash-device.js'
import { uploadImage } from '../firmware-bridge/flash/upload-image.js'
import { parseDeviceUri } from '../firmware-bridge/transport/device-uri.js'

/**
 * How much several parts under way gain over one at a time, on the same device in the same run: over this program's own client with
 * one part under way, and over PyPI's smpclient, which knows no other way, where the device is on a serial console.
 *
 *     node dist/bench/flash-upload.js URI IMAGE [--times 5] [--latency MS] [--python .venv/bin/python] [--json]
 *
 * `--latency`, ms, of what the device sends, on tcp: URIs: a USB serial converter keeps it so long (FTDI's latency timer: 16).
 * Erases the device's free slot before each upload; takes turns, so that a busy machine troubles all alike.
 */

const PEER = fileURLToPath(new URL('../../bench/peers/smpclient_upload.py', import.meta.url))

const {
  values,
  positionals: [uri, path],
} = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: 'string', default: '5' },
    latency: { type: 'string' },
    python: { type: 'string', default: '.venv/bin/python' },
    json: { type: 'boolean', default: false },
  },
})
if (!uri || !path) throw new Error('give the URI of a device and an image: node dist/bench/flash-upload.js URI IMAGE')

/** Bytes per second, of one run or the median of all. */
export interface UploadRow {
  readonly several: number
  readonly oneAtATime: number
  /** Null where it cannot be run: no console, or not installed. */
  readonly smpclient: number | null
}

const bytes = await readFile(path)
const { hash } = parseMcubootImage(bytes)
const place = values.latency === undefined ? uri : await slowed(uri, Number(values.latency))
const { carrier, driver } = parseDeviceUri(uri)
const hasPeer =
  carrier === 'serial' && driver === 'smp' && spawnSync(values.python, ['-c', 'import smpclient']).status === 0

const rows: UploadRow[] = []
for (let run = 0; run < Number(values.times); run++) {
  const row = { oneAtATime: await ours(1), several: await ours(), smpclient: hasPeer ? await peer() : null }
  rows.push(row)
  tell('', row)
}
const ratio = (of: (row: UploadRow) => number) => median(rows.map(of))
const middle = {
  several: ratio(row => row.several),
  oneAtATime: ratio(row => row.oneAtATime),
  smpclient: hasPeer ? ratio(row => row.smpclient!) : null,
}
if (values.json) process.stdout.write(`${JSON.stringify(middle)}\n`)
else {
  tell('median: ', middle)
  process.stdout.write(
    `median of the runs' ratios: ${ratio(row => row.several / row.oneAtATime).toFixed(2)} × one at a time`,
  )
  process.stdout.write(hasPeer ? `, ${ratio(row => row.several / row.smpclient!).toFixed(2)} × smpclient\n` : '\n')
}
process.exit()

function tell(what: string, { several, oneAtATime, smpclient }: UploadRow): void {
  if (values.json) return
  const beside = smpclient === null ? '' : `, smpclient ${Math.round(smpclient)}`
  process.stdout.write(`${what}several ${Math.round(several)} B/s, one at a time ${Math.round(oneAtATime)}${beside}\n`)
}

/** Opened anew each time, for a serial port belongs to one program. */
async function ours(mostUnderWay?: number): Promise<number> {
  const device = await openFlashDevice(place)
  try {
    await device.erase()
    const begun = performance.now()
    await uploadImage(device.client, bytes, {
      imageNumber: 0,
      imageHash: hash,
      parameters: device.limits,
      ...(mostUnderWay === undefined ? {} : { mostUnderWay }),
      images: () => device.images(),
    })
    return (bytes.length * 1000) / (performance.now() - begun)
  } finally {
    await device.close()
  }
}

async function peer(): Promise<number> {
  const port = uri!.replace(/^serial:/, '').replace(/\?.*$/, '')
  return Number((await promisify(execFile)(values.python, [PEER, port, path!])).stdout)
}

function median(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1]!
}

async function slowed(uri: string, delay: number): Promise<string> {
  const [, host, port, rest] = /^tcp:([^:]+):(\d+)(.*)$/.exec(uri) ?? []
  if (!host) throw new Error('a latency can be put on a tcp: URI only')
  const server = createServer({ noDelay: true }, near => {
    const far = connect({ host, port: Number(port), noDelay: true })
    near.on('data', data => far.write(data)).on('close', () => far.destroy())
    far.on('data', data => setTimeout(() => near.write(data), delay))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `tcp:127.0.0.1:${(server.address() as AddressInfo).port}${rest}`
}
