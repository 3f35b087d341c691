import { crc32 } from '@node-rs/crc32'
import { encode } from 'cborg'
import fc from 'fast-check'
import t from 'tap'
import { Microseconds, SampleIndex } from '../../../ecg/units.js'
import { encodeAck } from '../../../firmware-bridge/link/acknowledgement.js'
import { encodeEvent } from '../../../firmware-bridge/link/event.js'
import { encodeHello } from '../../../firmware-bridge/link/hello.js'
import { encodePacket, PacketType } from '../../../firmware-bridge/link/packet.js'
import { decodeSampleRange, encodeSampleRange } from '../../../firmware-bridge/link/sample-range.js'
import { countingSource } from '../counting-source.js'
import { simulateLink } from '../simulated-link.js'
import { referenceBlocks, referencePackets } from './reference-receiver.js'
import { HELLO, scriptedDevice } from './scripted-device.js'

const spacings = (packets: readonly { at: number }[]) => packets.slice(1).map((packet, i) => packet.at - packets[i]!.at)

t.test('it asks for HELLO twice a second, times 8 exchanges, starts, and times on every 10 s', async t => {
  const link = simulateLink(countingSource())
  link.run(0.1) // its own HELLO finds nobody
  link.host.opened(link.now)
  link.cut(true)
  link.run(1.2)
  link.cut(false)
  link.run(25)
  const kinds = (type: number) => link.sent.filter(({ packet }) => packet.type === type)
  t.same(spacings(kinds(PacketType.HelloRequest)), Array(3).fill(500_000))
  const exchanges = kinds(PacketType.TimeRequest)
  t.ok(
    spacings(exchanges)
      .slice(0, 7)
      .every(spacing => spacing >= 60_000 && spacing <= 100_000),
    'at least 60 ms apart',
  )
  t.equal(kinds(PacketType.Start).length, 1)
  t.ok(kinds(PacketType.Start)[0]!.at > exchanges[7]!.at, 'START after the eighth')
  t.same(spacings(exchanges).slice(8), [10_000_000])
  t.match(
    link.told.map(told => (told.kind === 'state' ? told.state : told.kind)),
    ['connecting', 'identified', 'connected', 'streaming'],
  )
  t.ok(
    link.sent.every(({ packet }, i) => packet.sequence === i),
    'its own sequence has no holes',
  )
})

t.test('START is repeated every second until ACK', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.wait(2.5)
  t.same(spacings(device.sentOf(PacketType.Start)), [1_000_000, 1_000_000])
  device.send(PacketType.Ack, encodeAck({ type: PacketType.Start, status: 0 }))
  device.wait(1.5)
  t.equal(device.sentOf(PacketType.Start).length, 3)
  t.equal(device.sentOf(PacketType.TimeRequest).length, 0, 'no exchange with a device that cannot')
})

t.test('the first samples end it, too', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(100, 10)
  device.wait(1.5)
  t.equal(device.sentOf(PacketType.Start).length, 1)
})

t.test('samples from before START belong to nobody', async t => {
  const device = scriptedDevice()
  device.open()
  device.samples(0, 10)
  device.hello()
  device.samples(10, 10)
  t.same(device.blocks, [])
  device.wait(0.02)
  device.samples(50, 10)
  t.same(device.blocks, [{ first: 50, count: 10 }])
  t.equal(device.counters.missingSamples, 0)
})

t.test('a refused START is told in words, and tried again later', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.send(PacketType.Ack, encodeAck({ type: PacketType.Start, status: 1 }))
  t.match(device.states.at(-1), 'connected: the device did not take START: it is busy')
  device.wait(3)
  t.equal(device.sentOf(PacketType.Start).length, 1)
  device.hello()
  device.wait(3)
  device.hello()
  device.wait(4.5)
  t.equal(device.sentOf(PacketType.Start).length, 2)
})

t.test('samples are delivered once, in the order of their coming, and counted exactly', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(100, 10)
  device.samples(130, 10)
  t.equal(device.counters.missingSamples, 20)
  device.samples(105, 20)
  t.equal(device.counters.missingSamples, 5)
  t.equal(device.counters.duplicateSamples, 5)
  device.samples(95, 50)
  t.equal(device.counters.missingSamples, 0)
  t.equal(device.counters.duplicateSamples, 5 + 35)
  t.same(device.blocks, [
    { first: 100, count: 10 },
    { first: 130, count: 10 },
    { first: 110, count: 15 },
    { first: 95, count: 5 },
    { first: 125, count: 5 },
    { first: 140, count: 5 },
  ])
})

const harm = { drop: 0.2, duplicate: 0.05, reorder: 0.05, corrupt: 0.05, cut: 0.03 }

for (const capabilities of [['time'], ['time', 'resend']]) {
  t.test(`drops, doubles, disorder and damage are accounted for exactly (${capabilities})`, async t => {
    for (const seed of [1, 2, 3]) {
      const link = simulateLink(countingSource(), {
        device: { capabilities },
        toHost: { seed, ...harm },
        toDevice: { seed: seed + 100, ...harm },
      })
      link.host.opened(link.now)
      link.run(60)
      const indices = [...link.delivered.keys()]
      const first = Math.min(...indices)
      const span = Math.max(...indices) + 1 - first
      t.ok(indices.length > 15_000, `${indices.length} samples came`)
      t.ok(
        [...link.delivered.values()].every(times => times === 1),
        'none twice',
      )
      t.equal(link.counters.missingSamples, span - indices.length, 'missing')
      const blocks = referenceBlocks(referencePackets(Buffer.concat(link.received)))
      const carried = new Set(blocks.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i)))
      t.same(carried, new Set(indices), 'delivered is what valid packets carried')
      const total = blocks.reduce((sum, { count }) => sum + count, 0)
      t.equal(link.counters.duplicateSamples, total - carried.size, 'duplicates')
      const sequences = new Set(
        referencePackets(Buffer.concat(link.received)).map(packet => packet[2]! | (packet[3]! << 8)),
      )
      t.equal(
        link.counters.lostPackets,
        Math.max(...sequences) - Math.min(...sequences) + 1 - sequences.size,
        'packets',
      )
      if (capabilities.includes('resend')) {
        t.ok(
          link.counters.missingSamples < 0.1 * span,
          `resends brought back all but ${link.counters.missingSamples} of ${span}`,
        )
      }
    }
  })
}

t.test('a gap is asked for within 200 ms, once more after a second, and never again', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10)
  device.samples(30, 10)
  const seen = device.now
  for (let i = 1; i < 40; i++) {
    device.wait(0.1)
    device.samples(30 + i * 10, 10)
  }
  const asked = device.sentOf(PacketType.Resend)
  t.same(
    asked.map(packet => decodeSampleRange(packet.payload)),
    Array(2).fill({ first: 10, count: 20 }),
  )
  t.ok(asked[0]!.at - seen <= 200_000)
  t.ok(asked[1]!.at - asked[0]!.at >= 1_000_000)
  t.equal(device.counters.resendRequests, 2)
})

t.test('never more than 4 requests are in flight, and the fourth takes all that waits', async t => {
  const device = scriptedDevice()
  const asked = () => device.sentOf(PacketType.Resend).map(packet => decodeSampleRange(packet.payload))
  device.streaming()
  for (let i = 0; i < 10; i++) device.samples(i * 20, 10)
  device.wait(0.2)
  t.same(asked(), [
    { first: 10, count: 10 },
    { first: 30, count: 10 },
    { first: 50, count: 10 },
    { first: 70, count: 110 },
  ])
  device.samples(200, 10)
  device.wait(0.2)
  t.equal(asked().length, 4)
  device.samples(10, 10, { again: true })
  device.wait(0.1)
  t.same(asked().slice(4), [{ first: 190, count: 10 }], 'an answer makes room')
  device.samples(220, 10)
  device.wait(0.1)
  t.equal(asked().length, 5)
  device.send(PacketType.Lost, encodeSampleRange({ first: 30, count: 10 }))
  device.wait(0.1)
  t.same(asked().slice(5), [{ first: 210, count: 10 }], 'so does LOST')
})

t.test('what the device lost is not asked for again', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10)
  device.samples(30, 10)
  device.wait(0.1)
  device.send(PacketType.Lost, encodeSampleRange({ first: 10, count: 20 }))
  device.wait(1.5)
  t.equal(device.sentOf(PacketType.Resend).length, 1)
  t.equal(device.counters.missingSamples, 20)
})

t.test('of what the device lost in part, the rest is asked for once more', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10)
  device.samples(40, 10)
  device.wait(0.1)
  device.send(PacketType.Lost, encodeSampleRange({ first: 10, count: 20 }))
  device.wait(1.5)
  t.same(
    device.sentOf(PacketType.Resend).map(packet => decodeSampleRange(packet.payload)),
    [
      { first: 10, count: 30 },
      { first: 30, count: 10 },
    ],
  )
  t.equal(device.counters.missingSamples, 30)
})

t.test('where room is short, no gap is asked for a third time as part of a longer range', async t => {
  const device = scriptedDevice()
  device.streaming()
  for (let i = 0; i < 100; i++) {
    device.samples(i * 20, 10)
    device.wait(0.1)
  }
  const asked = device.sentOf(PacketType.Resend).map(packet => decodeSampleRange(packet.payload)!)
  for (let gap = 10; gap < 1900; gap += 20) {
    const times = asked.filter(({ first, count }) => first < gap + 10 && gap < first + count).length
    t.ok(times <= 2, `samples from ${gap}: ${times} times`)
  }
})

t.test('an answer to one request ends those before it, which were lost on their way', async t => {
  const device = scriptedDevice()
  device.streaming()
  for (let i = 0; i < 4; i++) {
    device.samples(i * 20, 10)
    device.wait(0.06)
  }
  device.samples(80, 10)
  device.wait(0.06)
  const asked = () => device.sentOf(PacketType.Resend).map(packet => decodeSampleRange(packet.payload)!)
  t.equal(asked().length, 4)
  device.samples(50, 10, { again: true })
  device.samples(100, 10)
  device.samples(120, 10)
  device.wait(0.06)
  t.same(asked().slice(4), [
    { first: 90, count: 10 },
    { first: 110, count: 10 },
  ])
})

t.test('only what is still retained is asked for, and nothing of a device that cannot resend', async t => {
  const device = scriptedDevice()
  device.streaming({ retain: 50 })
  device.samples(0, 10)
  device.samples(100, 10)
  device.wait(0.1)
  t.same(decodeSampleRange(device.sentOf(PacketType.Resend)[0]!.payload), { first: 60, count: 40 })
  for (const change of [{ retain: 0 }, { capabilities: [] }]) {
    const mute = scriptedDevice()
    mute.streaming(change)
    mute.samples(0, 10)
    mute.samples(100, 10)
    mute.wait(1.5)
    t.equal(mute.sentOf(PacketType.Resend).length, 0)
  }
})

t.test('a reboot begins the account again and is told before any sample of the new boot', async t => {
  const link = simulateLink(countingSource())
  link.host.opened(link.now)
  link.run(3)
  link.device.reboot(2, link.now)
  link.run(3)
  t.equal(link.counters.reboots, 1)
  t.equal(link.counters.missingSamples, 0)
  t.equal(link.counters.lostPackets, 0)
  t.match(
    link.told.filter(({ kind }) => kind === 'identified'),
    [{ identity: { boot: 1 } }, { identity: { boot: 2 } }],
  )
  t.equal(link.told.filter(told => told.kind === 'state' && told.state === 'streaming').length, 2)
})

t.test('while a reboot is told, times of the boot that ended can still be asked for', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(1000, 10, { time: 50_000_000 })
  const asked: (number | undefined)[] = []
  device.onIdentified = () => asked.push(device.host.timeOf(SampleIndex(1000))?.at)
  const before = device.host.timeOf(SampleIndex(1000))!.at
  device.hello({ boot: 2 })
  t.same(asked, [before])
  t.equal(device.host.timeOf(SampleIndex(1000)), undefined, 'afterwards they cannot')
})

t.test('a reboot whose HELLO was lost is found out by the sample index', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(50_000, 10)
  const before = device.sentOf(PacketType.HelloRequest).length
  device.samples(0, 10)
  t.match(device.states.at(-1), /^connecting: the sample index went back/)
  device.wait(0.02)
  t.equal(device.sentOf(PacketType.HelloRequest).length, before + 1)
  device.hello({ boot: 2 })
  device.wait(0.02)
  device.samples(10, 10)
  t.same(device.blocks, [
    { first: 50_000, count: 10 },
    { first: 10, count: 10 },
  ])
  t.same(device.identities, ['scripted boot 1', 'scripted boot 2'])
})

t.test('a device whose index leapt ahead and back, in the same boot, is taken at its word again', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10)
  device.samples(2 ** 50, 10, { time: 2_000_000 })
  device.samples(10, 10)
  t.match(device.states.at(-1), /^connecting: the sample index went back/)
  device.hello()
  device.wait(0.02)
  device.samples(20, 10)
  t.match(device.states.at(-1), /^streaming/)
  t.same(device.blocks.at(-1), { first: 20, count: 10 })
  t.equal(device.counters.reboots, 0)
})

t.test('a HELLO that says something new without a boot is taken, and is no reboot', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(1000, 10)
  device.hello({ leads: ['I', 'II', 'V1'] })
  device.wait(0.02)
  device.samples(2000, 10, { channels: 3 })
  t.equal(device.identities.length, 2)
  t.match(device.counters, { reboots: 0, missingSamples: 0, badFrames: 0 })
})

t.test('a device clock that jumps asks for HELLO, and costs no samples', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10, { time: 60_000_000 })
  const before = device.sentOf(PacketType.HelloRequest).length
  for (let i = 1; i < 6; i++) device.samples(i * 10, 10, { time: 1_000_000 + i * 20_000 })
  t.equal(device.sentOf(PacketType.HelloRequest).length, before + 1)
  device.send(PacketType.Status, encode({}), { time: 2_000_000 })
  t.equal(device.blocks.length, 6)
})

t.test('so does one that goes back in any other packet', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10)
  device.send(PacketType.Status, encode({}), { time: 60_000_000 })
  const before = device.sentOf(PacketType.HelloRequest).length
  device.send(PacketType.Status, encode({}), { time: 1_000_000 })
  device.send(PacketType.Status, encode({}), { time: 1_100_000 })
  t.equal(device.sentOf(PacketType.HelloRequest).length, before + 1)
})

t.test('a reboot whose HELLO and START were both lost comes to light as a stall', async t => {
  const link = simulateLink(countingSource())
  link.host.opened(link.now)
  link.run(3)
  link.cut(true)
  link.device.reboot(2, link.now)
  link.run(0.1)
  link.cut(false)
  link.run(5)
  t.equal(link.counters.reboots, 1)
  t.match(link.told.at(-1), { kind: 'state', state: 'streaming' })
})

t.test('2 s without samples is a stall, 5 s without a packet a reason to open the carrier again', async t => {
  const link = simulateLink(countingSource())
  link.host.opened(link.now)
  link.run(3)
  link.cut(true)
  link.run(1.9)
  t.match(link.told.at(-1), { state: 'streaming' })
  link.run(0.2)
  t.match(link.told.at(-1), { state: 'stalled' })
  link.run(2.8)
  t.match(link.told.at(-1), { state: 'stalled' })
  link.run(0.2)
  t.match(link.told.slice(-2), [{ state: 'lost' }, { kind: 'reopen' }])
  link.cut(false)
  link.host.opened(link.now)
  link.run(2)
  t.match(link.told.at(-1), { state: 'streaming' })
  t.equal(link.told.filter(({ kind }) => kind === 'identified').length, 1, 'it is the same boot')
})

t.test('after an outage the samples in between are missing, and those retained come back', async t => {
  const link = simulateLink(countingSource(), { device: { retain: 1000 } })
  link.host.opened(link.now)
  link.run(3)
  link.cut(true)
  link.run(5.5)
  link.cut(false)
  link.host.opened(link.now)
  link.run(3)
  const indices = [...link.delivered.keys()]
  t.equal(link.counters.missingSamples, Math.max(...indices) + 1 - Math.min(...indices) - indices.length)
  t.ok(
    link.counters.missingSamples > 1500 && link.counters.missingSamples < 2600,
    `${link.counters.missingSamples} missing`,
  )
})

t.test('a device that never answers gets longer each time, and the operator a hint', async t => {
  const device = scriptedDevice()
  device.open()
  device.wait(4)
  t.match(device.states.at(-1), /does not answer/)
  const waits: number[] = []
  for (let i = 0; i < 5; i++) {
    const before = device.reopens.length
    device.open()
    const since = device.now
    while (device.reopens.length === before) device.wait(0.1)
    waits.push(Math.round((device.now - since) / 1e6))
  }
  t.same(waits, [5, 10, 20, 30, 30])
  t.ok(
    device.states.every(state => state.startsWith('connecting')),
    'it was never there, so it is not lost',
  )
})

t.test('bytes without a packet in them are told from silence', async t => {
  const device = scriptedDevice()
  device.open()
  device.counters.bytes += 100
  device.wait(4)
  t.match(device.states.at(-1), /check the baud rate/)
})

t.test('another version of the protocol is shown to the operator', async t => {
  const device = scriptedDevice()
  device.open()
  const bytes = Buffer.from(encodePacket(PacketType.Hello, 0, Microseconds(0)))
  bytes[0] = 9
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
  device.host.packet(bytes, device.now)
  device.host.packet(bytes, device.now)
  t.match(device.states.at(-1), /^connecting: the device speaks version 9 of ECG Link/)
  t.equal(device.states.length, 2, 'told once')
  t.equal(device.counters.badFrames, 0)
})

t.test('a HELLO that cannot be used is refused in words and counted', async t => {
  const device = scriptedDevice()
  device.open()
  device.hello({ rateMilliHz: 0 })
  t.match(device.states.at(-1), /^connecting: .*rate_mhz 0/)
  device.send(PacketType.Hello, encode({ id: 1 }))
  t.match(device.states.at(-1), /not the CBOR map/)
  t.equal(device.counters.badFrames, 2)
  t.same(device.identities, [])
  device.hello()
  t.same(device.identities, ['scripted boot 1'])
})

t.test('samples that do not agree with HELLO or with themselves are bad', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10, { channels: 3 })
  device.send(PacketType.Samples, new Uint8Array(20))
  t.same([device.blocks.length, device.counters.badFrames, device.counters.missingSamples], [0, 2, 0])
})

t.test('unknown types are counted and ignored, an event is told once, a status as it is', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.send(0x7f)
  device.send(PacketType.HelloRequest)
  t.equal(device.counters.unknownTypes, 2)
  const event = encodeEvent({ kind: 'button', sample: SampleIndex(7) })
  device.send(PacketType.Event, event, { sequence: 100 })
  device.send(PacketType.Event, event, { sequence: 100 })
  device.send(PacketType.Status, encode({ battery: 50 }))
  t.same(device.events, ['button at 7', '{"battery":50}'])
})

t.test('the button is told after a quarter of an hour without a cable, in which the device sent on', async t => {
  const device = scriptedDevice()
  device.streaming()
  device.samples(0, 10)
  device.wait(800)
  device.open()
  const sequence = 40_000
  device.send(PacketType.Hello, encodeHello(HELLO), { sequence })
  device.send(PacketType.Event, encodeEvent({ kind: 'button', sample: SampleIndex(400_000) }), {
    sequence: sequence + 1,
  })
  t.same(device.events, ['button at 400000'])
})

t.test('what a device says before HELLO is told as its own, not as that of the device before it', async t => {
  const device = scriptedDevice()
  const whose: string[] = []
  device.onIdentified = () => whose.push(`${device.identities.length} known, ${device.events.length} told`)
  device.streaming()
  device.samples(0, 10)
  device.host.closed('unplugged')
  device.open() // to another device, which streams already
  device.send(PacketType.Event, encodeEvent({ kind: 'button', sample: SampleIndex(9) }), { sequence: 500 })
  device.send(PacketType.Status, encode({ battery: 3 }), { sequence: 501 })
  t.same(device.events, [])
  device.hello({ id: 'another' })
  t.same(whose, ['1 known, 0 told', '2 known, 0 told'])
  t.same(device.events, ['button at 9', '{"battery":3}'])
  device.open()
  device.send(PacketType.Status, encode({ battery: 4 }), { sequence: 502 })
  device.open()
  device.hello({ id: 'another' })
  t.equal(device.events.length, 2, 'and what it said through another carrier not at all')
})

t.test('the packet numbers of another device are not compared with those of the device before it', async t => {
  const device = scriptedDevice()
  device.streaming()
  for (let block = 0; block < 100; block++) device.samples(10 * block, 10)
  device.host.closed('unplugged')
  device.open() // to another device, which streams already
  device.send(PacketType.Status, encode({ battery: 3 }), { sequence: 40_000 })
  device.send(PacketType.Event, encodeEvent({ kind: 'button', sample: SampleIndex(9) }), { sequence: 40_001 })
  device.send(PacketType.Hello, encodeHello({ ...HELLO, id: 'another' }), { sequence: 40_003 })
  t.equal(device.counters.lostPackets, 1)
  device.host.closed('unplugged')
  device.open()
  device.send(PacketType.Event, encodeEvent({ kind: 'button', sample: SampleIndex(9) }), { sequence: 40_000 })
  device.send(PacketType.Hello, encodeHello({ ...HELLO, id: 'a third' }), { sequence: 40_001 })
  t.same(device.events, ['{"battery":3}', 'button at 9', 'button at 9'])
})

t.test('the button is told also when the packet numbers have almost come round in that time', async t => {
  const device = scriptedDevice()
  device.streaming()
  for (let block = 0; block < 1_200; block++) device.samples(10 * block, 10)
  device.wait(1_800)
  device.open()
  const sequence = 1_000
  device.send(PacketType.Hello, encodeHello(HELLO), { sequence })
  device.send(PacketType.Event, encodeEvent({ kind: 'button', sample: SampleIndex(900_000) }), {
    sequence: sequence + 1,
  })
  t.same(device.events, ['button at 900000'])
})

t.test('no packet, however well signed, makes it throw', async () => {
  const types = fc.constantFrom(...Object.values(PacketType), 0x99)
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(...[0, 2, 9, 12, 24].map(n => new Uint8Array(n))),
  )
  const packet = fc.record({ type: types, sequence: fc.nat(0xffff), time: fc.maxSafeNat(), payload, wait: fc.nat(30) })
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 50 }), packets => {
      const device = scriptedDevice()
      device.streaming({ capabilities: ['time', 'resend'] })
      for (const { type, sequence, time, payload, wait } of packets) {
        device.send(type, payload, { sequence, time })
        device.host.timeOf(SampleIndex(sequence))
        device.wait(wait / 10)
      }
    }),
    { numRuns: 200 },
  )
})
