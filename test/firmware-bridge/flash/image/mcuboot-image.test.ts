import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  readImageKey,
  sampleKeyOf,
  signaturesOf,
  verifyImage,
} from '../../../../firmware-bridge/flash/image/image-signature.js'
import { compareVersions, formatVersion, parseVersion } from '../../../../firmware-bridge/flash/image/image-version.js'
import { parseMcubootImage } from '../../../../firmware-bridge/flash/image/mcuboot-image.js'
import { makeImage, makeKey, NO_IMGTOOL } from '../image-maker.js'

// Images and keys are imgtool's.
const skip = NO_IMGTOOL

for (const [type, name] of [
  ['ed25519', 'Ed25519'],
  ['ecdsa-p256', 'ECDSA'],
  ['rsa-2048', 'RSA-2048'],
  ['rsa-3072', 'RSA-3072'],
] as const) {
  t.test(`a ${name} signature of imgtool holds with its key, and with no other`, { skip }, async t => {
    const folder = t.testdir()
    const [pem, otherPem] = [makeKey(folder, type), makeKey(folder, type)]
    const key = readImageKey(readFileSync(`${pem}.pub`, 'utf8'), 'ours')
    const other = readImageKey(readFileSync(`${otherPem}.pub`, 'utf8'), 'other')
    const { image, bytes } = makeImage(folder, { version: '1.2.3+4', key: pem, bytes: 3000 })
    t.equal(formatVersion(image.version), '1.2.3.4')
    t.same(signaturesOf(image), [name])
    t.ok(Buffer.from(image.keyHash!).equals(Buffer.from(key.hash)), 'KEYHASH is computed as imgtool does')
    t.equal(verifyImage(image, [other, key]).name, 'ours')
    t.throws(() => verifyImage(image, [other]), {
      code: 'image-signature',
      message: /signed with another key .* than other/,
    })
    t.equal(readImageKey(readFileSync(pem, 'utf8'), 'private').hash.toString(), key.hash.toString())
    t.equal(sampleKeyOf(image), undefined)
    for (const at of [600, bytes.length - 5]) {
      const damaged = Uint8Array.from(bytes)
      damaged[at]! ^= 1
      t.throws(
        () => verifyImage(parseMcubootImage(damaged), [key]),
        { message: /damaged|not accepted/ },
        `a bit changed at ${at}`,
      )
    }
  })
}

t.test('a cut image is refused wherever it is cut', { skip }, async t => {
  const { bytes } = makeImage(t.testdir(), { version: '1.0.0', bytes: 500 })
  for (let length = 4; length < bytes.length; length += 7)
    t.throws(() => parseMcubootImage(bytes.subarray(0, length)), { code: 'image-damaged' })
})

t.test('an encrypted image is told from a damaged one', { skip }, async t => {
  const folder = t.testdir()
  const options = ['--encrypt', `${makeKey(folder, 'ecdsa-p256')}.pub`]
  t.throws(() => makeImage(folder, { version: '1.0.0', bytes: 500, options }), {
    code: 'image-foreign',
    message: /is encrypted, so that only its device can check it/,
  })
})

t.test('what is no image is refused with what it is', async t => {
  const cases: [Uint8Array, RegExp][] = [
    [Buffer.alloc(0), /it is empty/],
    [Buffer.from('7f454c4601', 'hex'), /an ELF program/],
    [Buffer.from(':020000040800F2\r\n'), /Intel HEX/],
    [Buffer.from('UF2\n'), /UF2/],
    [Buffer.from('PK\x03\x04'), /ZIP/],
    [Buffer.from([0xe9, 3, 2, 0x20, 0, 0, 0, 0, 1]), /ESP32.*esptool/],
    [Buffer.alloc(64, 0xff), /erased flash/],
    [Buffer.from('0000022009010008', 'hex'), /Cortex-M that is not signed/],
    [Buffer.from('hello, this is a letter'), /it is text/],
  ]
  for (const [file, what] of cases)
    t.throws(() => parseMcubootImage(file, 'x.bin'), { code: 'image-foreign', exitCode: 3, message: what })
})

t.test('versions are compared as MCUboot does, without their build', async t => {
  const version = (text: string) => parseVersion(text)!
  t.ok(compareVersions(version('1.10.0'), version('1.9.9')) > 0)
  t.equal(compareVersions(version('1.2.3.4'), version('1.2.3+9')), 0)
  t.equal(parseVersion('unknown'), undefined)
})
