import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseMcubootImage } from '../../../firmware-bridge/flash/image/mcuboot-image.js'
import { deliverImage, upgradeDevice } from '../../../firmware-bridge/flash/upgrade-device.js'
import { hear, POLICY } from './flash-board.js'
import { makeImage, NO_IMGTOOL } from './image-maker.js'
import { openZephyr } from './zephyr-board.js'

// Our client against the real other side: Zephyr 4.4's SMP server behind MCUboot, prebuilt, in QEMU.
const SERVERS = process.env.ECGCLIP_SMP_SERVERS ?? 'build/zephyr-servers'
const NRF51 = 'zephyr_4.4.0_smp_server_0eae053d_qemu_cortex_m0_serial'
const MPS2 = 'zephyr_4.4.0_smp_server_0eae053d_mps2_an385_serial_recovery_buf'

const path = (name: string) => join(SERVERS, name)
const MICROBIT = ['-M', 'microbit', '-device', `loader,file=${path(`${NRF51}.merged.hex`)}`]
const NO_QEMU = !(process.env.PATH ?? '').split(':').some(folder => existsSync(join(folder, 'qemu-system-arm')))
const skip =
  NO_IMGTOOL ||
  (NO_QEMU && 'not installed: qemu-system-arm') ||
  (!existsSync(path(`${NRF51}.signed.bin`)) && 'needs test/firmware-bridge/flash/fetch_zephyr_servers.py to have run')

/** What imgtool put around a program: taken off, so that it can be given another version. */
function bodyOf(file: string): Buffer {
  const bytes = readFileSync(path(file))
  const header = bytes.readUInt16LE(8)
  return bytes.subarray(header, header + bytes.readUInt32LE(12))
}

t.test('echo, parameters, info, slots and list, as Zephyr answers them', { skip, timeout: 120_000 }, async t => {
  const device = await openZephyr(t, MICROBIT)
  t.equal(device.protocol, 'SMP on a console')
  t.same(device.limits, { bufferSize: 384, bufferCount: 4 })
  t.equal(await device.echo('Grüße'), 'Grüße')
  t.match(await device.info('s'), 'Zephyr')
  t.same(
    (await device.slots())?.map(({ size }) => size),
    [106_496, 106_496],
  )
  const own = parseMcubootImage(readFileSync(path(`${NRF51}.signed.bin`)))
  const [running, ...others] = await device.images()
  t.match(running, { slot: 0, active: true, confirmed: true })
  t.ok(Buffer.from(running!.hash!).equals(Buffer.from(own.hash)), 'the hash in the image, which is not the file’s')
  t.same(others, [])
  await t.rejects(device.test(new Uint8Array(32)), { code: 'smp-refused', message: /no image there has that hash/ })
  await device.close()
})

t.test('MCUboot takes an upgrade: upload, test, exchange of slots, confirm', { skip, timeout: 300_000 }, async t => {
  const folder = t.testdir()
  const device = await openZephyr(t, MICROBIT)
  const file = makeImage(folder, { version: '1.2.3+4', body: bodyOf(`${NRF51}.signed.bin`) })
  const result = await upgradeDevice(device, file, POLICY, hear())
  t.match(result, { from: '0.0.0', to: '1.2.3.4', changed: true })
  t.match((await device.images())[0], { slot: 0, version: '1.2.3.4', active: true, confirmed: true })
  await device.close()
})

t.test(
  'a part of 1 KB over a dozen lines, the last of which says that the SHA-256 holds',
  { skip, timeout: 300_000 },
  async t => {
    const loaded = [path(`${MPS2}1024.hex`), `${path(`${MPS2}1024.signed.bin`)},addr=0x20050000`]
    const devices = loaded.flatMap(file => ['-device', `loader,file=${file}`])
    const device = await openZephyr(t, ['-M', 'mps2-an385', ...devices], false)
    t.same(device.limits, { bufferSize: 1024, bufferCount: 4 })
    const bytes = readFileSync(path(`${MPS2}512.signed.bin`))
    const image = parseMcubootImage(bytes)
    await deliverImage(device, { name: 'other', bytes, image }, POLICY, hear())
    const [, other] = await device.images()
    t.ok(Buffer.from(other!.hash!).equals(Buffer.from(image.hash)))
    await device.close()
  },
)
