import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ads1298Frame, CYTON_GREETING, cytonPacket, healthyPiPacket } from '../../../bench/vendor-streams.js'
import type { DeviceStream } from '../../../firmware-bridge/device-stream.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import type { DeviceCarrier, HostBytes } from '../../../firmware-bridge/emulator/device-carrier.js'
import { openPseudoTerminal } from '../../../firmware-bridge/emulator/pseudo-terminal.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { listenTcp } from '../../../firmware-bridge/emulator/tcp-listener.js'
import { countingValue } from '../counting-source.js'
import { type Listened, listen, streaming, until } from '../listen.js'

/** A device that says packet after packet at its own pace, as long as it is told to. */
interface Scripted<Carrier extends DeviceCarrier> {
  readonly carrier: Carrier
  readonly said: string[]
  /** Samples taken; what `packet` made of them was sent. */
  taken: number
  running: boolean
  stop(): Promise<void>
}

interface Script {
  readonly rate: number
  /** Of sample `index`; nothing where it is lost. */
  packet(index: number): Uint8Array
  /** To what the host says. */
  answer?(said: string, device: Scripted<DeviceCarrier>): void
}

/** More frequent than any packet is not needed: some come together, as on USB. */
const TICK = 5

async function scripted<Carrier extends DeviceCarrier>(
  script: Script,
  open: (received: HostBytes) => Carrier | Promise<Carrier>,
): Promise<Scripted<Carrier>> {
  const said: string[] = []
  const carrier = await open(bytes => {
    for (const character of Buffer.from(bytes).toString('latin1')) {
      said.push(character)
      script.answer?.(character, device)
    }
  })
  let last = performance.now()
  let due = 0
  const timer = setInterval(() => {
    const now = performance.now()
    if (device.running) due += ((now - last) * script.rate) / 1000
    last = now
    for (; due >= 1; due--) carrier.write(script.packet(device.taken++))
  }, TICK)
  const device: Scripted<Carrier> = {
    carrier,
    said,
    taken: 0,
    running: script.answer === undefined,
    async stop() {
      clearInterval(timer)
      await carrier.close()
    },
  }
  return device
}

async function onPty(t: Test, script: Script) {
  const device = await scripted(script, received => openPseudoTerminal(received))
  t.teardown(() => device.stop())
  return device
}

function open(t: Test, uri: string): DeviceStream {
  const device = openDevice(uri)
  t.teardown(() => device.stop())
  return device
}

/** Sample numbers that were passed over. */
function missing({ delivered }: Listened): number {
  const told = [...delivered.keys()]
  return Math.max(...told) + 1 - Math.min(...told) - told.length
}

const ADS1298: Script = { rate: 500, packet: index => ads1298Frame(index, countingValue) }

/** Streams between `b` and `s`, and greets after `v`. */
const CYTON: Script = {
  rate: 250,
  packet: index => cytonPacket(index, countingValue),
  answer(said, device) {
    if (said === 'v') device.carrier.write(CYTON_GREETING)
    if (said === 'b') device.taken = 0
    if (said === 'b' || said === 's') device.running = said === 'b'
  },
}

t.test('ADS1298 on a serial port: bytes are lost in one frame of fifty, and the account is exact', async t => {
  const random = createRandom(1)
  const harmed = (index: number) => index > 100 && index % 50 === 0
  const virtual = await onPty(t, {
    ...ADS1298,
    packet: index => ADS1298.packet(index).subarray(0, harmed(index) ? 1 + Math.floor(random() * 24) : 27),
  })
  const device = open(t, `${virtual.carrier.uri}?driver=ads1298`)
  const listened = listen()
  /** The device samples whether or not somebody listens: by how much its numbers are ahead, as its values tell. */
  const ahead = new Set<number>()
  listened.onBlock = ({ first, count, channels, values }) => {
    for (let s = 0; s < count; s++) ahead.add(Math.abs(values[s * channels]!) / 8 - 1 - (first + s))
  }
  await streaming(device, listened)
  await until(() => listened.delivered.size > 1000)
  await device.stop()
  t.equal(ahead.size, 1, 'every sample is where it belongs, whatever was lost before it')
  t.equal(device.counters.missingSamples, missing(listened))
  t.ok(device.counters.missingSamples >= 15)
  t.match(listened.identities, [{ model: 'TI ADS1298', rate: 500 }])
})

t.test('Cyton on a serial port: started by command, 20 % of its packets lost, exact; stopped by command', async t => {
  const random = createRandom(2)
  const virtual = await onPty(t, {
    ...CYTON,
    packet: index => (index > 0 && random() < 0.2 ? new Uint8Array() : CYTON.packet(index)),
  })
  const device = open(t, `${virtual.carrier.uri}?driver=cyton&leads=I,II,V1,V2,V3,V4,V5,V6`)
  const listened = await streaming(device)
  await until(() => listened.delivered.size > 300)
  await device.stop()
  t.same(listened.wrong, [])
  t.equal(device.counters.missingSamples, missing(listened))
  t.ok(device.counters.missingSamples > 30)
  t.match(listened.identities, [{ firmware: '3.1.1', channels: ['I', 'II'] }])
  await until(() => !virtual.running)
  t.equal(virtual.said.join(''), 'svcbs')
})

t.test('HealthyPi on a serial port: what vanishes without a trace is estimated, and said to be', async t => {
  const LOST = 100
  const virtual = await onPty(t, {
    rate: 125,
    packet: index =>
      index >= 200 && index < 200 + LOST ? new Uint8Array() : healthyPiPacket(countingValue(index % 200, 0)),
  })
  const device = open(t, `${virtual.carrier.uri}?driver=healthypi`)
  const listened = await streaming(device)
  t.match(listened.states.at(-1)!.reason, /losses are estimated/)
  await until(() => device.counters.missingSamples > 0)
  const { missingSamples } = device.counters
  t.ok(missingSamples > 0.7 * LOST && missingSamples < 1.3 * LOST, `${missingSamples} of ${LOST}`)
})

t.test('the cable is pulled and put back: the same device streams again by itself, in a new boot', async t => {
  for (const [driver, script] of [
    ['ads1298', ADS1298],
    ['cyton', CYTON],
  ] as const) {
    const port = join(t.testdir(), 'port')
    const plug = async () => {
      const virtual = await scripted(script, received => openPseudoTerminal(received))
      symlinkSync(virtual.carrier.path, port)
      return virtual
    }
    let virtual = await plug()
    const device = open(t, `serial:${port}?driver=${driver}`)
    const listened = await streaming(device)
    for (let time = 1; time <= 2; time++) {
      rmSync(port)
      await virtual.stop()
      await until(() => listened.state() === 'lost')
      virtual = await plug()
      await until(() => listened.state() === 'streaming')
    }
    t.equal(new Set(listened.identities.map(({ id }) => id)).size, 1, driver)
    t.equal(new Set(listened.identities.map(({ boot }) => boot)).size, 3)
    t.equal(device.counters.reopens, 2)
    await device.stop()
    await virtual.stop()
    rmSync(port)
  }
})

t.test('a port that is not there is told, and taken as soon as it is', async t => {
  const port = join(t.testdir(), 'port')
  const device = open(t, `serial:${port}?driver=ads1298`)
  const listened = listen()
  device.start(listened.listener)
  await t.rejects(device.firstOpen, { code: 'port-missing' })
  t.match(listened.states, [{ state: 'lost', reason: /there is no port/ }])
  const virtual = await onPty(t, ADS1298)
  symlinkSync(virtual.carrier.path, port)
  await until(() => listened.state() === 'streaming')
  t.equal(listened.identities[0]!.id, 'ads1298-port')
})

t.test('the wrong driver on a port says so, and the right one then takes it', async t => {
  const virtual = await onPty(t, ADS1298)
  const wrong = open(t, `${virtual.carrier.uri}?driver=healthypi`)
  const listened = listen()
  wrong.start(listened.listener)
  await until(() => listened.states.some(({ reason }) => /no HealthyPi packet: check the baud rate/.test(reason)))
  t.equal(listened.state(), 'connecting')
  t.equal(listened.delivered.size, 0)
  await wrong.stop()
  await streaming(open(t, `${virtual.carrier.uri}?driver=ads1298`))
})

t.test('a device behind a serial server streams, goes, and comes back', async t => {
  const first = await scripted(ADS1298, received => listenTcp('127.0.0.1', 0, received))
  const device = open(t, `${first.carrier.uri}?driver=ads1298&rate=500`)
  const listened = await streaming(device)
  await first.stop()
  await until(() => listened.state() === 'lost')
  const port = Number(first.carrier.uri.split(':').at(-1))
  const second = await scripted(ADS1298, received => listenTcp('127.0.0.1', port, received))
  t.teardown(() => second.stop())
  await until(() => listened.state() === 'streaming')
  t.equal(listened.identities[0]!.id, `ads1298-127.0.0.1-${port}`)
})

t.test('a stream that was never started, or is stopped twice or while it opens, stops', async t => {
  const never = openDevice('serial:/dev/ttyNothingThere?driver=cyton')
  await never.stop()
  await never.stop()
  const virtual = await onPty(t, ADS1298)
  const device = openDevice(`${virtual.carrier.uri}?driver=ads1298`)
  const listened = listen()
  device.start(listened.listener)
  await device.stop()
  t.same(listened.states, [])
})

t.test('URIs: what belongs to another carrier, another driver or nobody is refused at once', async t => {
  for (const [uri, message] of [
    ['serial:/dev/x?driver=polar-h10', /polar-h10 is reached by ble:ADDRESS/],
    ['ble:C0:FF:EE:00:11:22?driver=cyton', /cyton is reached by serial:PORT or tcp:HOST:PORT/],
    ['serial:/dev/x?driver=cyton&rate=500', /"rate" is not an option of this driver; there is leads/],
    ['serial:/dev/x?driver=ads1298&baud=fast', /baud must be a whole number/],
    ['ble:x?driver=movesense&rate=1', /rate must be a number from 125 to 512/],
    ['serial:/dev/x?driver=nobody', /ads1298, cyton, healthypi, movesense, polar-h10/],
  ] as const)
    t.throws(() => openDevice(uri), { code: 'device-uri', message }, uri)
})
