import { chmodSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Microseconds, SampleIndex, UnixMillis } from '../../../ecg/units.js'
import { SYSTEM_CLOCKS } from '../../../firmware-bridge/devices/clocks.js'
import { createEcgLinkDevice } from '../../../firmware-bridge/devices/ecg-link.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { createDeviceSession } from '../../../firmware-bridge/emulator/device-session.js'
import { createFaultyLine } from '../../../firmware-bridge/emulator/faulty-line.js'
import { openPseudoTerminal } from '../../../firmware-bridge/emulator/pseudo-terminal.js'
import {
  startDeviceOnPty,
  startDeviceOnTcp,
  type VirtualDeviceOptions,
  withDefaults,
} from '../../../firmware-bridge/emulator/virtual-device.js'
import { encodeFrame } from '../../../firmware-bridge/link/cobs.js'
import { createFramer } from '../../../firmware-bridge/link/framer.js'
import { createFramedCarrier } from '../../../firmware-bridge/transport/framed-carrier.js'
import { monotonicNow } from '../../../firmware-bridge/transport/monotonic-now.js'
import { createSerialTransport } from '../../../firmware-bridge/transport/serial.js'
import { TransportError } from '../../../firmware-bridge/transport/transport-error.js'
import { countingSource } from '../counting-source.js'
import { listen, streaming, until } from '../listen.js'

/** Ten times as fast as life, so that tests are short. */
const FAST: VirtualDeviceOptions = { source: countingSource(), speed: 10 }

async function virtualDevice(t: Test, options: Partial<VirtualDeviceOptions> = {}) {
  const virtual = await startDeviceOnPty({ ...FAST, ...options })
  t.teardown(() => virtual.stop())
  return virtual
}

function open(t: Test, uri: string) {
  const device = openDevice(uri)
  t.teardown(() => device.stop())
  return device
}

t.test('a device on a serial port streams every value, in order, at the right time', async t => {
  const virtual = await virtualDevice(t, { id: 'front-end-1', boot: 5, speed: 1 })
  const device = open(t, virtual.carrier.uri)
  const listened = listen()
  const errors: number[] = []
  listened.onBlock = block => {
    const time = device.timeOf(block.first)!
    const offset = SYSTEM_CLOCKS.utc() - monotonicNow() / 1000
    errors.push(Math.abs(time.utc - offset - virtual.session.timeOf(block.first) / 1000) - time.uncertaintyMs)
  }
  await streaming(device, listened)
  await device.firstOpen
  await until(() => listened.delivered.size >= 1000)
  t.match(listened.identities, [{ id: 'front-end-1', boot: 5, rate: 500, lsb: 0.001, retain: 5000 }])
  t.same(
    listened.states.map(({ state }) => state),
    ['connecting', 'connected', 'streaming'],
  )
  t.same(
    [...listened.delivered.keys()],
    Array.from({ length: listened.delivered.size }, (_, i) => i),
  )
  t.same(listened.wrong, [])
  t.ok(
    errors.every(beyond => beyond <= 1),
    `the truth lies ${Math.max(...errors)} ms beyond the stated uncertainty`,
  )
  t.match(device.counters, { badFrames: 0, lostPackets: 0, missingSamples: 0, duplicateSamples: 0 })
})

t.test('2-byte values and other leads come as they are', async t => {
  const virtual = await virtualDevice(t, { valueBytes: 2, source: countingSource(1000, ['II', 'resp', 'V5']) })
  const listened = await streaming(open(t, virtual.carrier.uri))
  await until(() => listened.delivered.size >= 1000)
  t.same(listened.wrong, [])
  t.same(listened.identities[0]!.channels, ['II', 'resp', 'V5'])
})

t.test('two devices at once keep apart', async t => {
  const virtuals = [await virtualDevice(t, { id: 'a', driftPpm: 100 }), await virtualDevice(t, { id: 'b' })]
  const both = await Promise.all(virtuals.map(virtual => streaming(open(t, virtual.carrier.uri))))
  await until(() => both.every(({ delivered }) => delivered.size > 3000))
  t.same(
    both.map(({ identities }) => identities[0]!.id),
    ['a', 'b'],
  )
  t.same(
    both.flatMap(({ wrong }) => wrong),
    [],
  )
})

t.test('stop ends the stream at the device, too', async t => {
  const virtual = await virtualDevice(t)
  const device = open(t, virtual.carrier.uri)
  const listened = await streaming(device)
  await device.stop()
  const told = listened.delivered.size
  let next = -1
  await until(() => {
    const stands = virtual.session.next === next
    next = virtual.session.next
    return stands && next > 0
  })
  t.equal(listened.delivered.size, told, 'nothing is told after stop')
  const again = await streaming(open(t, virtual.carrier.uri))
  await until(() => again.delivered.size > 100)
  t.ok(Math.min(...again.delivered.keys()) >= next, 'the index went on')
})

t.test('the cable is pulled and put back, under the same name: the stream goes on by itself', async t => {
  const port = join(t.testdir(), 'port')
  const plug = async (options: Partial<VirtualDeviceOptions>) => {
    const virtual = await startDeviceOnPty({ ...FAST, ...options })
    symlinkSync(virtual.carrier.path, port)
    return virtual
  }
  const unplug = async (virtual: { stop(): Promise<void> }) => {
    rmSync(port)
    await virtual.stop()
  }
  let virtual = await plug({ boot: 1 })
  const device = open(t, `serial:${port}`)
  const listened = await streaming(device)
  const descriptors = readdirSync('/proc/self/fd').length
  for (let boot = 2; boot <= 4; boot++) {
    await unplug(virtual)
    await until(() => listened.state() === 'lost')
    virtual = await plug({ boot })
    await until(() => listened.state() === 'streaming')
  }
  t.same(
    listened.identities.map(({ boot }) => boot),
    [1, 2, 3, 4],
  )
  t.match(device.counters, { reopens: 3, reboots: 3, missingSamples: 0 })
  await until(() => readdirSync('/proc/self/fd').length <= descriptors)
  await unplug(virtual)
})

t.test(
  'the host is away while the device samples on: the gap is known, and what is retained of it comes back',
  async t => {
    const virtual = await virtualDevice(t, { retain: 3000 })
    const port = createSerialTransport(virtual.carrier.path, 921_600)
    let away = false
    let leave = () => {}
    const carrier = createFramedCarrier({
      ...port,
      async open(listener) {
        if (away) throw new TransportError('carrier-failed', 'away')
        await port.open(listener)
        leave = () => void port.close().then(() => listener.closed('away'))
      },
    })
    const device = createEcgLinkDevice(virtual.carrier.uri, carrier)
    t.teardown(() => device.stop())
    const listened = await streaming(device)
    await until(() => listened.delivered.size > 500)
    away = true
    leave()
    await until(() => listened.state() === 'lost')
    const received = listened.delivered.size
    await until(() => virtual.session.next > received + 5000)
    away = false
    await until(() => device.counters.missingSamples > 0)
    const missedAtFirst = device.counters.missingSamples
    await until(() => device.counters.missingSamples < missedAtFirst)
    const indices = [...listened.delivered.keys()]
    t.equal(device.counters.missingSamples, Math.max(...indices) + 1 - Math.min(...indices) - indices.length)
    t.ok(device.counters.missingSamples > 0, 'some are older than what is retained')
    t.equal(device.counters.reboots, 0)
    t.same(listened.wrong, [])
  },
)

t.test('a silent device that is lent and given back while its port is still being closed is opened once', async t => {
  const virtual = await virtualDevice(t)
  const port = createSerialTransport(virtual.carrier.path, 921_600)
  let closing = false
  const carrier = createFramedCarrier({
    ...port,
    async close() {
      if (closing) return // as that of the port itself, which is no longer open
      closing = true
      await sleep(200) // its peer takes nothing
      await port.close()
      closing = false
    },
  })
  let later = 0
  const clocks = { ...SYSTEM_CLOCKS, monotonic: () => Microseconds(monotonicNow() + later) }
  const device = createEcgLinkDevice(virtual.carrier.uri, carrier, clocks)
  t.teardown(() => device.stop())
  const listened = await streaming(device)
  later = 6e6 // so long nothing has come
  await until(() => closing)
  later = 0
  await device.release('lent')
  t.notOk(closing, 'who borrows it finds the port free')
  device.retake()
  await until(() => listened.state() === 'streaming')
  const told = listened.states.length
  await sleep(1_000)
  t.same(listened.states.slice(told), [])
  t.equal(device.counters.reopens, 1)
})

t.test('over a line that drops, doubles, swaps and damages frames the account is exact', async t => {
  const framer = createFramer({ frame: packet => session.packet(packet, monotonicNow()), badFrame: () => {} })
  const pty = openPseudoTerminal(bytes => framer.push(bytes))
  const harm = { drop: 0.2, duplicate: 0.05, reorder: 0.05, corrupt: 0.05, cut: 0.02 }
  const line = createFaultyLine({ seed: 3, ...harm }, bytes => pty.write(bytes))
  const session = createDeviceSession(withDefaults(FAST), monotonicNow(), packet => line(encodeFrame(packet)))
  const timer = setInterval(() => session.tick(monotonicNow(), pty.ready), 5)
  t.teardown(async () => {
    clearInterval(timer)
    await pty.close()
  })
  const device = open(t, pty.uri)
  const listened = await streaming(device)
  await until(() => listened.delivered.size > 10_000)
  await device.stop()
  const indices = [...listened.delivered.keys()]
  t.equal(device.counters.missingSamples, Math.max(...indices) + 1 - Math.min(...indices) - indices.length)
  t.ok([...listened.delivered.values()].every(times => times === 1))
  t.same(listened.wrong, [])
  t.ok(device.counters.badFrames > 10)
})

t.test('a port that is not there is told, and taken as soon as it is', async t => {
  const port = join(t.testdir(), 'port')
  const device = open(t, `serial:${port}`)
  const listened = listen()
  device.start(listened.listener)
  await t.rejects(device.firstOpen, { code: 'port-missing' })
  t.match(listened.states, [{ state: 'lost', reason: /there is no port/ }])
  const virtual = await virtualDevice(t)
  symlinkSync(virtual.carrier.path, port)
  await until(() => listened.state() === 'streaming')
})

t.test('a port in use is told, and taken as soon as it is free', async t => {
  const virtual = await virtualDevice(t)
  const first = open(t, virtual.carrier.uri)
  await streaming(first)
  const second = open(t, virtual.carrier.uri)
  const listened = listen()
  second.start(listened.listener)
  await t.rejects(second.firstOpen, { code: 'port-busy' })
  await first.stop()
  await until(() => listened.state() === 'streaming')
})

t.test('a port without permission is told, and taken as soon as it is given', async t => {
  const { path, uri } = (await virtualDevice(t)).carrier
  // Root may open everything: this test is nobody meanwhile.
  const root = process.geteuid?.() === 0
  const NOBODY = 65_534
  chmodSync(path, 0)
  if (root) process.seteuid?.(NOBODY)
  const device = open(t, uri)
  const listened = listen()
  try {
    device.start(listened.listener)
    await t.rejects(device.firstOpen, { code: 'port-permission' })
    await until(() => listened.state() === 'lost')
    t.match(listened.states.at(-1)!.reason, /this user may not open .*: add this user to the group that owns it/)
  } finally {
    if (root) process.seteuid?.(0)
    chmodSync(path, 0o600)
  }
  await until(() => listened.state() === 'streaming')
})

t.test('something else on the port is no ECG Link: it says so, and stays up', async t => {
  const pty = openPseudoTerminal(() => {})
  const chatter = setInterval(() => pty.write(Buffer.from('AT+OK\r\n\0')), 20)
  const device = open(t, pty.uri)
  const listened = listen()
  device.start(listened.listener)
  await until(() => listened.states.some(({ reason }) => /check the baud rate and the driver/.test(reason)))
  t.equal(listened.state(), 'connecting')
  t.ok(device.counters.badFrames > 10)
  await device.stop()
  clearInterval(chatter)
  await pty.close()
})

t.test('a device behind TCP streams, goes, and comes back', async t => {
  const first = await startDeviceOnTcp({ ...FAST, boot: 1 }, '127.0.0.1', 0)
  const device = open(t, first.carrier.uri)
  const listened = await streaming(device)
  await first.stop()
  await until(() => listened.state() === 'lost')
  const second = await startDeviceOnTcp({ ...FAST, boot: 2 }, '127.0.0.1', Number(first.carrier.uri.split(':').at(-1)))
  t.teardown(() => second.stop())
  await until(() => listened.state() === 'streaming')
  t.equal(device.counters.reopens, 1)
})

t.test('a step of the wall clock shows in the times told after it', async t => {
  const virtual = await virtualDevice(t)
  let step = 0
  const clocks = { ...SYSTEM_CLOCKS, utc: () => UnixMillis(Date.now() + step) }
  const device = createEcgLinkDevice(
    virtual.carrier.uri,
    createFramedCarrier(createSerialTransport(virtual.carrier.path, 921_600)),
    clocks,
  )
  t.teardown(() => device.stop())
  const listened = await streaming(device)
  await until(() => listened.delivered.size > 0)
  const before = device.timeOf(SampleIndex(0))!
  step = -3_600_000
  const after = device.timeOf(SampleIndex(0))!
  t.ok(Math.abs(after.utc - before.utc + 3_600_000) < 1_000)
})

t.test('a stream that was never started, or is stopped twice, stops', async t => {
  const device = openDevice('serial:/dev/ttyNothingThere')
  await device.stop()
  await device.stop()
  t.equal(device.timeOf(SampleIndex(0)), undefined)
})

t.test('a wrong URI and a driver that nobody knows are refused at once', async t => {
  t.throws(() => openDevice('nonsense'), { code: 'device-uri' })
  t.throws(() => openDevice('serial:/dev/x?driver=nobody'), { code: 'device-uri', message: /nobody/ })
})
