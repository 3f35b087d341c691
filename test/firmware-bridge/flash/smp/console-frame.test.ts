import fc from 'fast-check'
import t from 'tap'
import {
  createConsoleDecoder,
  encodeConsole,
  ONE_LINE_BYTES,
} from '../../../../firmware-bridge/flash/smp/console-frame.js'
import { encodeSmp, SMP_V2, SmpOperation } from '../../../../firmware-bridge/flash/smp/smp-message.js'

/** Everything that a decoder says about these bytes, given in pieces. */
function decode(...pieces: (string | Uint8Array)[]) {
  const heard = { messages: [] as string[], texts: [] as string[], badFrames: 0 }
  const decoder = createConsoleDecoder({
    message: message => heard.messages.push(Buffer.from(message).toString('hex')),
    text: line => heard.texts.push(line),
    badFrame() {
      heard.badFrames++
    },
  })
  for (const piece of pieces) decoder.push(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  return heard
}

// Against Zephyr 4.4 (native_sim) by hand; "Hello, world!" from the documentation of PyPI's smp, packet.py.
const ECHO = '\x06\x09ABAKAAAGAAAqAKFhZGJoaQho\n'
const ECHO_ANSWER = '\x06\x09ABELAAAHAAAqAL9hcmJoaf+WXQ==\n'
const HELLO_WORLD = '\x06\x09AA9IZWxsbywgd29ybGQhet4=\n'

t.test('frames are the ones that Zephyr takes and sends', async t => {
  const echo = encodeSmp(
    { operation: SmpOperation.Write, version: SMP_V2, group: 0, sequence: 0x2a, command: 0 },
    { d: 'hi' },
  )
  t.equal(encodeConsole(echo).toString(), ECHO)
  t.equal(encodeConsole(Buffer.from('Hello, world!')).toString(), HELLO_WORLD)
  t.same(decode(ECHO_ANSWER).messages, ['0b00000700002a00bf6172626869ff'])
})

t.test('the vector of mcumgr’s protocol.md for a list of images is a typo there: its CRC does not hold', async t => {
  t.same(decode('\x06\x09AAoAAAAAAAIAADcw\n'), { messages: [], texts: [], badFrames: 1 })
  t.same(decode('\x06\x09AAoAAAAAAAEAADcw\n').messages, ['0000000000010000'])
})

t.test('a long message goes over lines of at most 127 characters, of which each decodes by itself', async t => {
  const lines = encodeConsole(new Uint8Array(1000)).toString('latin1').split('\n').slice(0, -1)
  t.equal(lines.length, Math.ceil(1004 / 93))
  t.ok(lines.every(line => line.length <= 126))
  t.equal(lines[0]!.slice(0, 2), '\x06\x09')
  t.ok(lines.slice(1).every(line => line.startsWith('\x04\x14')))
  t.equal(encodeConsole(new Uint8Array(ONE_LINE_BYTES)).filter(byte => byte === 0x0a).length, 1)
  t.equal(encodeConsole(new Uint8Array(ONE_LINE_BYTES + 1)).filter(byte => byte === 0x0a).length, 2)
})

t.test('log lines before, between and around frames go to people, and the frames come through', async t => {
  const noisy = decode(
    '[00:00:00.009] <inf> boot\r\n',
    'uart:~$ ',
    ECHO_ANSWER,
    '*** Booting ***\r\n',
    ECHO_ANSWER.replace('\n', '\r\n'),
  )
  t.equal(noisy.messages.length, 2)
  t.same(noisy.texts, ['[00:00:00.009] <inf> boot', 'uart:~$ ', '*** Booting ***'])
  t.equal(noisy.badFrames, 0)
})

t.test('a damaged, a cut and a spoilt frame are dropped, and the next one is whole', async t => {
  const long = encodeConsole(new Uint8Array(200)).toString('latin1')
  const cut = long.slice(0, long.indexOf('\n') + 1)
  for (const damaged of [
    ECHO.replace('KFh', 'KFi'),
    cut,
    ECHO.replace('A', '!'),
    ECHO.replace('oaQ', 'oa'),
    '\x06\x09AAAA\n',
  ]) {
    t.match(decode(damaged, ECHO), { messages: ['0a00000600002a00a16164626869'], badFrames: 1 })
  }
  t.match(decode('\x04\x14AAAA\n', ECHO), { messages: [String], badFrames: 0 }, 'a line that continues nothing')
})

t.test('any messages, in pieces of any size, between any noise without the markers, come back', async () => {
  const noise = fc.string({ unit: fc.constantFrom(...'abc <>[]:$~\r\n'), maxLength: 30 }).map(text => `${text}\n`)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(noise, fc.uint8Array({ maxLength: 600 })), { maxLength: 4 }),
      fc.integer({ min: 1, max: 300 }),
      (parts, size) => {
        const bytes = Buffer.concat(parts.flatMap(([noise, message]) => [Buffer.from(noise), encodeConsole(message)]))
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        )
        const { messages, badFrames } = decode(...pieces)
        return (
          badFrames === 0 && messages.join() === parts.map(([, message]) => Buffer.from(message).toString('hex')).join()
        )
      },
    ),
    { numRuns: 200 },
  )
})
