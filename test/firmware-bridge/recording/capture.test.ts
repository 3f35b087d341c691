import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Microseconds } from '../../../ecg/units.js'
import {
  CAPTURE_MAGIC,
  CaptureKind,
  decodeCharacteristicValue,
  encodeCaptureEntry,
  encodeCharacteristicValue,
} from '../../../firmware-bridge/recording/capture-format.js'
import { readCapture } from '../../../firmware-bridge/recording/read-capture.js'

const HEADER = { uri: 'serial:/dev/ttyACM0', driver: 'ecg-link', began: '2026-01-02T03:04:05.678Z' }

const entry = (kind: number, at: number, payload: Uint8Array = new Uint8Array(0)) =>
  encodeCaptureEntry({ kind, at: Microseconds(at), payload })

const pieces = [
  entry(CaptureKind.Header, 0, Buffer.from(JSON.stringify(HEADER))),
  entry(CaptureKind.Opened, 10),
  entry(CaptureKind.ToDevice, 20, Buffer.of(1, 2, 0)),
  entry(CaptureKind.FromDevice, 2 ** 40, Buffer.alloc(64 * 1024, 0xaa)),
  entry(99, 2 ** 40, Buffer.from('of a later version')),
  entry(CaptureKind.FromDevice, 2 ** 40 + 1, Buffer.of(0)),
]
const whole = Buffer.concat([CAPTURE_MAGIC, ...pieces])

async function read(t: Test, bytes: Uint8Array) {
  const path = join(t.testdir({}), 'c.ecgcap')
  await writeFile(path, bytes)
  return readCapture(path)
}

t.test('what was written is read, kind, time and bytes', async t => {
  const { header, entries, unread } = await read(t, whole)
  t.same(header, HEADER)
  t.equal(unread, 0)
  t.same(
    [...entries()].map(({ kind, at, payload }) => [kind, at, payload.length]),
    [
      [CaptureKind.Opened, 10, 0],
      [CaptureKind.ToDevice, 20, 3],
      [CaptureKind.FromDevice, 2 ** 40, 64 * 1024],
      [99, 2 ** 40, 18],
      [CaptureKind.FromDevice, 2 ** 40 + 1, 1],
    ],
  )
  t.same([...entries()][1]!.payload, Buffer.of(1, 2, 0), 'and may be read again')
})

t.test('cut at any byte, every entry before the cut is read and the rest is counted', async t => {
  const small = Buffer.concat([CAPTURE_MAGIC, pieces[0]!, pieces[1]!, pieces[2]!, pieces[5]!])
  const ends = [1, 2, 3, 4].map(
    n => CAPTURE_MAGIC.length + [0, 1, 2, 5].slice(0, n).reduce((sum, i) => sum + pieces[i]!.length, 0),
  )
  for (let length = 0; length < small.length; length++) {
    const cut = small.subarray(0, length)
    const complete = ends.filter(end => end <= length)
    if (complete.length === 0) await t.rejects(read(t, cut), { code: 'not-a-record', exitCode: 2 })
    else {
      const { entries, unread } = await read(t, cut)
      t.equal([...entries()].length, complete.length - 1)
      t.equal(unread, length - complete.at(-1)!)
    }
  }
})

t.test('a damaged entry ends the capture before it', async t => {
  const start = CAPTURE_MAGIC.length + pieces[0]!.length + pieces[1]!.length
  for (let at = start; at < start + pieces[2]!.length; at++) {
    const damaged = Buffer.from(whole)
    damaged[at]! ^= 0x40
    const { entries, unread } = await read(t, damaged)
    t.same(
      [...entries()].map(({ kind }) => kind),
      [CaptureKind.Opened],
    )
    t.equal(unread, whole.length - start)
  }
})

t.test('what is no capture is refused', async t => {
  await t.rejects(read(t, Buffer.from('ECGCAP2\n')), { code: 'not-a-record' })
  await t.rejects(read(t, Buffer.concat([CAPTURE_MAGIC, pieces[1]!])), { code: 'not-a-record' })
  await t.rejects(read(t, Buffer.concat([CAPTURE_MAGIC, entry(CaptureKind.Header, 0, Buffer.from('{'))])), {
    code: 'not-a-record',
  })
  await t.rejects(readCapture(join(t.testdir({}), 'none.ecgcap')), { code: 'not-found' })
  t.throws(() => entry(CaptureKind.FromDevice, 0, Buffer.alloc(64 * 1024 + 1)), RangeError)
})

t.test('a value of a characteristic, and where it was captured', async t => {
  const uuid = 'fb005c82-02e7-f387-1cad-8acd2d8df0c8'
  const payload = encodeCharacteristicValue(uuid, Buffer.of(0xab))
  t.equal(Buffer.from(payload).toString('hex'), 'fb005c8202e7f3871cad8acd2d8df0c8ab')
  t.same(decodeCharacteristicValue(payload), { characteristic: uuid, value: Buffer.of(0xab) })
  t.equal(decodeCharacteristicValue(payload.subarray(0, 15)), undefined)
  t.throws(() => encodeCharacteristicValue('2a37', Buffer.of(1)), RangeError)

  const cable = await read(t, whole)
  t.match(cable, { address: undefined, notified: false })
  const radio = await read(
    t,
    Buffer.concat([
      CAPTURE_MAGIC,
      pieces[0]!,
      entry(CaptureKind.Opened, 10, Buffer.from('c0:ff:ee:00:00:07')),
      entry(CaptureKind.Notified, 20, payload),
    ]),
  )
  t.match(radio, { address: 'c0:ff:ee:00:00:07', notified: true })
})
