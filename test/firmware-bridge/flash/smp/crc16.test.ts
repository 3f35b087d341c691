import t from 'tap'
import { crc16 } from '../../../../firmware-bridge/flash/smp/crc16.js'

t.test('the check value of CRC-16/XMODEM', async t => {
  t.equal(crc16(Buffer.from('123456789')), 0x31c3)
})

t.test('over data and its CRC the remainder is zero', async t => {
  const data = Buffer.from('Hello, world!')
  const crc = crc16(data)
  t.equal(crc16(Buffer.concat([data, Buffer.of(crc >> 8, crc & 0xff)])), 0)
})
