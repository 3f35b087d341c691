import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { parseMcubootImage } from '../firmware-bridge/flash/image/mcuboot-image.js'
import { openFlashDevice } from '../firmware-bridge/flash/open-flash-device.js'
import { uploadImage } from '../firmware-bridge/flash/upload-image.js'

// How much several parts under way gain over one at a time, on the same device in the same run:
//   node dist/bench/flash-upload.js URI IMAGE [TIMES [LATENCY]]
// LATENCY, ms, of what the device sends, on tcp: URIs: a USB serial converter keeps it so long (FTDI's latency timer: 16).
// Erases the device's free slot before each upload; alternates, so that a busy machine troubles both alike.

const [uri, path, times = '5', latency] = process.argv.slice(2)
if (!uri || !path) throw new Error('give the URI of a device and an image: node dist/bench/flash-upload.js URI IMAGE')
const bytes = await readFile(path)
const { hash } = parseMcubootImage(bytes)
const device = await openFlashDevice(latency ? await slowed(uri, Number(latency)) : uri)

async function bytesPerSecond(mostUnderWay?: number): Promise<number> {
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
}

const ratios: number[] = []
for (let run = 0; run < Number(times); run++) {
  const [one, several] = [await bytesPerSecond(1), await bytesPerSecond()]
  ratios.push(several / one)
  process.stdout.write(
    `one at a time ${Math.round(one)} B/s, several ${Math.round(several)} B/s, ${(several / one).toFixed(2)} ×\n`,
  )
}
ratios.sort((a, b) => a - b)
process.stdout.write(`median ${ratios[Math.floor(ratios.length / 2)]!.toFixed(2)} × (${device.protocol})\n`)
await device.close()
process.exit()

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
