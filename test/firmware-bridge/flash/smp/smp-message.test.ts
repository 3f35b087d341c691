import t from 'tap'
import {
  decodeSmp,
  encodeSmp,
  SMP_V2,
  SmpOperation,
  smpLength,
} from '../../../../firmware-bridge/flash/smp/smp-message.js'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

// smpclient 7.3.0, tests/binary_regressions: bytes that went to and came from Zephyr.
const ECHO = '0a00001000008b00 a161646c48656c6c6f20776f726c6421'
const RESET = '0a00000100008d05 a0'
const PARAMETERS = '0900001600009806 a2686275665f73697a6501696275665f636f756e7402'

t.test('requests are the bytes that an independent client sends', async t => {
  const header = { operation: SmpOperation.Write, version: SMP_V2, group: 0 }
  t.same(encodeSmp({ ...header, sequence: 0x8b, command: 0 }, { d: 'Hello world!' }), hex(ECHO))
  t.same(encodeSmp({ ...header, sequence: 0x8d, command: 5 }, {}), hex(RESET))
})

t.test('an answer is read, its header in network byte order', async t => {
  const message = decodeSmp(hex(PARAMETERS))
  t.match(message, { operation: SmpOperation.ReadResponse, version: SMP_V2, group: 0, sequence: 0x98, command: 6 })
  t.same(
    message?.body,
    new Map([
      ['buf_size', 1],
      ['buf_count', 2],
    ]),
  )
})

t.test('a map of indefinite length, as Zephyr sends it, is read', async t => {
  // research: echo "hi" from Zephyr 4.4, bf 61 72 62 68 69 ff
  t.same(decodeSmp(hex('0b00000700002a00 bf6172626869ff'))?.body, new Map([['r', 'hi']]))
})

t.test('a field that is undefined is not sent', async t => {
  const header = { operation: SmpOperation.Write, version: SMP_V2, group: 1, sequence: 0, command: 0 }
  t.same(encodeSmp(header, { hash: undefined, confirm: true }), encodeSmp(header, { confirm: true }))
})

t.test('what is no whole message is none', async t => {
  const whole = hex(PARAMETERS)
  for (let length = 0; length < whole.length; length++) t.equal(decodeSmp(whole.subarray(0, length)), undefined)
  t.equal(decodeSmp(hex(`${PARAMETERS}00`)), undefined, 'a byte too many')
  t.equal(decodeSmp(hex('0900000100009806 ff')), undefined, 'no CBOR')
  t.equal(decodeSmp(hex('0900000100009806 80')), undefined, 'no map')
  t.equal(decodeSmp(hex('1100000100009806 a0')), undefined, 'a version to come')
  t.equal(smpLength(hex('09000016000098')), undefined, 'no whole header')
  t.equal(smpLength(hex(PARAMETERS)), whole.length)
})
