import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { deliverImage, upgradeDevice } from '../../../firmware-bridge/flash/upgrade-device.js'
import { hear, NO_FLASH_BOARD, openBoard, POLICY, startFlashBoard } from './flash-board.js'
import { inSlot, makeFlash, makeImage } from './image-maker.js'

const skip = NO_FLASH_BOARD

/** `make flash-faults` asks for a hundred. */
const CUTS = Number(process.env.ECGCLIP_FLASH_CUTS ?? 10)

interface Cable {
  readonly uri: string
  /** Ends the connection when so many more bytes have gone to the device. */
  cutAfter(bytes: number): void
  readonly cuts: number
}

/** A cable to a device on TCP that can be cut, or lose bytes of either end. */
async function openCable(
  t: Test,
  device: string,
  keeps: (from: 'host' | 'device') => boolean = () => true,
): Promise<Cable> {
  const [, host, port] = /^tcp:(.+):(\d+)$/.exec(device)!
  const sockets = new Set<Socket>()
  let left = Number.POSITIVE_INFINITY
  let cuts = 0
  const server = createServer(near => {
    const far = connect(Number(port), host)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => other.destroy())
    }
    far.on('data', data => near.write(data.filter(() => keeps('device'))))
    near.on('data', data => {
      far.write(data.subarray(0, Math.min(left, data.length)).filter(() => keeps('host')))
      left -= data.length
      if (left > 0) return
      left = Number.POSITIVE_INFINITY
      cuts++
      near.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    uri: `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAfter(bytes) {
      left = bytes
    },
    get cuts() {
      return cuts
    },
  }
}

for (const options of [[], ['--console']]) {
  const name = options.length > 0 ? 'on a console' : 'in ECG Link'
  t.test(
    `cut at random points, an upload ${name} goes on from where the device is`,
    { skip, timeout: 600_000 },
    async t => {
      const folder = t.testdir()
      const flash = makeFlash(folder, { version: '1.0.0' })
      const { uri } = await startFlashBoard(t, flash, '--tcp', '0', ...options)
      const cable = await openCable(t, uri)
      const device = await openBoard(t, `${cable.uri}?driver=${options.length > 0 ? 'smp' : 'ecg-link'}`)
      const file = makeImage(folder, { version: '1.1.0', bytes: 40_000 })
      const random = createRandom(7)
      let resumptions = 0
      for (let cut = 1; cut <= CUTS / 2; cut++) {
        await device.erase()
        cable.cutAfter(1 + Math.floor(random() * file.bytes.length))
        const heard = hear()
        const result = await deliverImage(device, file, POLICY, heard)
        resumptions += result?.resumptions ?? 0
        t.equal(cable.cuts, cut)
        t.equal(result?.match, true, 'the device compared the SHA-256 of the whole')
        t.ok(inSlot(flash, 1, file.bytes.length).equals(file.bytes), `cut ${cut}: every byte is there`)
        // What was under way is sent again, and nothing else.
        t.ok((result?.resentBytes ?? 0) <= 8 * 1024, `cut ${cut}: ${result?.resentBytes} bytes were sent twice`)
      }
      t.ok(resumptions >= Math.floor(CUTS / 2) - 1, `${resumptions} resumptions`)
    },
  )

  t.test(`on a line that loses a byte in 3,000, an upload ${name} arrives whole`, { skip }, async t => {
    const folder = t.testdir()
    const flash = makeFlash(folder, { version: '1.0.0' })
    const { uri } = await startFlashBoard(t, flash, '--tcp', '0', ...options)
    const random = createRandom(9)
    let lossy = false
    let lost = 0
    const cable = await openCable(t, uri, () => {
      if (!lossy || random() >= 1 / 3000) return true
      lost++
      return false
    })
    const device = await openBoard(t, `${cable.uri}?driver=${options.length > 0 ? 'smp' : 'ecg-link'}`)
    const file = makeImage(folder, { version: '1.1.0', bytes: 20_000 })
    lossy = true
    const result = await deliverImage(device, file, POLICY, hear())
    t.equal(result?.match, true)
    t.ok(lost >= 3, `${lost} bytes were lost`)
    t.ok(inSlot(flash, 1, file.bytes.length).equals(file.bytes))
  })
}

t.test('a device that goes away at each part is given up, not asked for ever', { skip, timeout: 60_000 }, async t => {
  const folder = t.testdir()
  const { uri } = await startFlashBoard(t, makeFlash(folder, { version: '1.0.0' }), '--tcp', '0', '--console')
  const cable = await openCable(t, uri)
  const device = await openBoard(t, `${cable.uri}?driver=smp`)
  const LESS_THAN_A_PART = 200
  const heard = hear()
  const note = (sentence: string) => {
    heard.note(sentence)
    cable.cutAfter(LESS_THAN_A_PART)
  }
  const progress = () => cable.cutAfter(LESS_THAN_A_PART)
  await t.rejects(deliverImage(device, makeImage(folder, { version: '1.1.0' }), POLICY, { ...heard, note, progress }), {
    code: 'flash-link-lost',
    message: /goes away again and again/,
  })
  t.equal(heard.notes.length, 9)
})

for (const [losing, what] of [
  ['device', 'a reset whose answer is lost is not asked for again, which would end the trial of the image'],
  ['host', 'a reset that is lost is asked for again'],
] as const) {
  t.test(what, { skip }, async t => {
    const folder = t.testdir()
    const flash = makeFlash(folder, { version: '1.0.0' })
    const { uri } = await startFlashBoard(t, flash, '--tcp', '0', '--console')
    let until = 0
    const cable = await openCable(t, uri, from => from !== losing || performance.now() > until)
    const device = await openBoard(t, `${cable.uri}?driver=smp`)
    const file = makeImage(folder, { version: '1.1.0' })
    const heard = hear()
    const phase = (now: string) => {
      if (now === 'reset') until = performance.now() + 1000
    }
    t.match(await upgradeDevice(device, file, POLICY, { ...heard, phase }), { from: '1.0.0', changed: true })
  })
}
