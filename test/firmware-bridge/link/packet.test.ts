import { crc32 } from '@node-rs/crc32'
import fc from 'fast-check'
import t from 'tap'
import { Microseconds } from '../../../ecg/units.js'
import { decodePacket, encodePacket, MAX_PAYLOAD_BYTES, PacketType } from '../../../firmware-bridge/link/packet.js'

t.test('the CRC is ISO-HDLC', async t => {
  t.equal(crc32(Buffer.from('123456789')), 0xcbf43926)
})

t.test('a packet is laid out as specified', async t => {
  const packet = encodePacket(PacketType.Ack, 0x1234, Microseconds(0x1_0203_0405_0607), Uint8Array.of(3, 0))
  t.equal(Buffer.from(packet).toString('hex', 0, 14), '010534120706050403020100' + '0300')
  t.equal(Buffer.from(packet).readUInt32LE(14), crc32(packet.subarray(0, 14)))
})

t.test('what is encoded is decoded', async () => {
  fc.assert(
    fc.property(
      fc.nat(255),
      fc.nat(0xffff),
      fc.maxSafeNat(),
      fc.uint8Array({ maxLength: MAX_PAYLOAD_BYTES }),
      (type, sequence, time, payload) => {
        const packet = decodePacket(encodePacket(type, sequence, Microseconds(time), payload))
        return (
          typeof packet === 'object' &&
          packet.type === type &&
          packet.sequence === sequence &&
          packet.time === time &&
          Buffer.from(packet.payload).equals(payload)
        )
      },
    ),
  )
})

t.test('no changed byte is believed', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (payload, where, by) => {
      const bytes = encodePacket(PacketType.Smp, 1, Microseconds(1), payload)
      bytes[where % bytes.length]! ^= by
      return decodePacket(bytes) === 'bad'
    }),
  )
})

t.test('random bytes of any length are bad', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1100 }), bytes => decodePacket(bytes) === 'bad'))
})

t.test('another version is told from noise, once its CRC holds', async t => {
  const bytes = Buffer.from(encodePacket(PacketType.Hello, 1, Microseconds(1)))
  bytes[0] = 2
  t.equal(decodePacket(bytes), 'bad')
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
  t.equal(decodePacket(bytes), 2)
})

t.test('a payload that does not fit is a mistake of the caller', async t => {
  t.throws(() => encodePacket(PacketType.Smp, 0, Microseconds(0), new Uint8Array(MAX_PAYLOAD_BYTES + 1)), RangeError)
})
