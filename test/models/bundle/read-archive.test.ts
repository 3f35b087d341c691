import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { BundleError, type BundleErrorCode } from '../../../models/bundle/bundle-error.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { packBundle } from '../../../models/bundle/pack-bundle.js'
import { readArchive } from '../../../models/bundle/read-archive.js'
import { readTrustedKeys, type TrustedKeys } from '../../../models/bundle/trusted-keys.js'
import { type Entry, entriesOf, tarOf, writeArchive } from '../fixtures/build-archive.js'
import { buildBundle } from '../fixtures/build-bundle.js'

interface Stage {
  readonly folder: string
  readonly directory: string
  readonly trust: string
  readonly keys: TrustedKeys
  readonly entries: Entry[]
}

async function stage(t: Test): Promise<Stage> {
  const folder = t.testdir()
  const { directory, trust } = buildBundle(folder)
  return { folder, directory, trust, keys: await readTrustedKeys([trust]), entries: entriesOf(directory) }
}

/** What reading ends with, and the files that were passed on before. */
async function outcome(path: string, keys: TrustedKeys): Promise<{ code: string; seen: string[] }> {
  const seen: string[] = []
  try {
    await readArchive(path, keys, async (name, content) => {
      seen.push(name)
      for await (const _ of content);
    })
    return { code: 'accepted', seen }
  } catch (error) {
    if (!(error instanceof BundleError)) throw error
    if (/\n|[\p{Cc}]/u.test(error.message)) throw new Error(`more than a line: ${error.message}`)
    return { code: error.code, seen }
  }
}

/** SHA-256 of every file that comes out; null when the archive is refused. */
async function contentOf(path: string, keys: TrustedKeys): Promise<Record<string, string> | null> {
  const hashes: Record<string, string> = {}
  const read = readArchive(path, keys, async (name, content) => {
    const hash = createHash('sha256')
    for await (const chunk of content) hash.update(chunk)
    hashes[name] = hash.digest('hex')
  })
  return read.then(
    () => hashes,
    error => {
      if (!(error instanceof BundleError)) throw error
      return null
    },
  )
}

t.test('what was packed comes out byte for byte, and the same bundle is always packed into the same bytes', async t => {
  const { folder, directory, trust, keys } = await stage(t)
  const bundle = await loadBundle(directory, [trust])
  const [one, two] = [join(folder, 'one.tar.gz'), join(folder, 'two.tar.gz')]
  await packBundle(bundle, one)
  await packBundle(bundle, two)
  t.same(readFileSync(one), readFileSync(two))
  t.same(
    readdirSync(folder).filter(name => name.endsWith('.new')),
    [],
  )

  const { sha256, key, manifest } = await readArchive(one, keys)
  t.same([sha256, key, manifest], [bundle.sha256, bundle.key, bundle.manifest])
  const hashOf = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex')
  t.same(await contentOf(one, keys), Object.fromEntries(readdirSync(directory).map(name => [name, hashOf(name)])))
})

t.test('the system’s own tar may make the archive, with long headers too, and unpacks it', async t => {
  const { folder, directory, trust, keys } = await stage(t)
  const names = entriesOf(directory).map(({ path }) => path)
  for (const format of ['gnu', 'pax', 'ustar']) {
    const file = join(folder, `${format}.tar.gz`)
    execFileSync('tar', [`--format=${format}`, '-czf', file, '-C', directory, ...names])
    t.equal((await outcome(file, keys)).code, 'accepted', format)
  }
  const ours = join(folder, 'ours.tar.gz')
  await packBundle(await loadBundle(directory, [trust]), ours)
  t.same(execFileSync('tar', ['-tzf', ours], { encoding: 'utf8' }).trim().split('\n').sort(), names.sort())
})

t.test('nothing behind the signature is read unless a trusted key made it', async t => {
  const { folder, entries } = await stage(t)
  t.same(await outcome(writeArchive(folder, entries), new Map()), { code: 'BUNDLE_KEY_UNKNOWN', seen: [] })
})

t.test('one changed byte anywhere in the archive is noticed, or changes nothing that comes out of it', async t => {
  const { folder, keys, entries } = await stage(t)
  const tar = tarOf(entries)
  const file = join(folder, 'changed.tar.gz')
  const signed = await contentOf(writeArchive(folder, entries), keys)
  let noticed = 0
  async function change(whole: Buffer, at: number, write: (bytes: Buffer) => Buffer): Promise<void> {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 0x40
    writeFileSync(file, write(bytes))
    const content = await contentOf(file, keys)
    if (content === null) noticed++
    else t.same(content, signed, `byte ${at}`)
  }
  const within = tar.length - 1024
  for (let at = 0; at < within; at += 499) await change(tar, at, bytes => gzipSync(bytes, { level: 1 }))
  t.ok(noticed > 0.9 * (within / 499), `${noticed} of ${Math.ceil(within / 499)} were noticed`)
  const zipped = gzipSync(tar)
  for (let at = 0; at < zipped.length; at += 199) await change(zipped, at, bytes => bytes)
})

t.test('half a file is noticed, wherever it ends', async t => {
  const { folder, keys, entries } = await stage(t)
  const whole = readFileSync(writeArchive(folder, entries))
  const file = join(folder, 'half.tar.gz')
  for (const bytes of [0, 1, 9, 10, 200, whole.length >> 1, whole.length - 9, whole.length - 1]) {
    writeFileSync(file, whole.subarray(0, bytes))
    t.not((await outcome(file, keys)).code, 'accepted', `${bytes} bytes`)
  }
})

t.test('what an archive must not hold is refused with the reason', async t => {
  const { folder, keys, entries } = await stage(t)
  const [manifest, signature, ...files] = entries as [Entry, Entry, ...Entry[]]
  const plain = { content: Buffer.from('x') }
  const link = { path: 'MODEL_CARD.md', linkpath: '/etc/passwd' }
  const big = Buffer.alloc(9 * 2 ** 20)
  const cases: [BundleErrorCode, string, Entry[]][] = [
    ['BUNDLE_ARCHIVE_ORDER', 'the signature first', [signature, manifest, ...files]],
    ['BUNDLE_ARCHIVE_ORDER', 'a file before the manifest', [files[0]!, manifest, signature]],
    ['BUNDLE_ARCHIVE_ORDER', 'a folder around it', entries.map(entry => ({ ...entry, path: `bundle/${entry.path}` }))],
    ['BUNDLE_ARCHIVE_ORDER', 'a manifest alone', [manifest]],
    ['BUNDLE_ARCHIVE_UNSAFE', 'a way out', [...entries, { path: '../../escaped', ...plain }]],
    ['BUNDLE_ARCHIVE_UNSAFE', 'an absolute way out', [...entries, { path: '/tmp/escaped', ...plain }]],
    ['BUNDLE_ARCHIVE_UNSAFE', 'a backslash', [...entries, { path: '..\\escaped', ...plain }]],
    ['BUNDLE_FILE_UNLISTED', 'a file more', [...entries, { path: 'more.txt', ...plain }]],
    ['BUNDLE_FILE_UNLISTED', 'control characters in a name', [...entries, { path: '\u001b[31mred\n', ...plain }]],
    ['BUNDLE_FILE_REPEATED', 'a file twice', [...entries, files[0]!]],
    ['BUNDLE_FILE_REPEATED', 'another manifest', [...entries, manifest]],
    ['BUNDLE_FILE_MISSING', 'a file less', entries.slice(0, -1)],
    ['BUNDLE_FILE_CHANGED', 'a file cut short', [...entries.slice(0, -1), { path: entries.at(-1)!.path, ...plain }]],
    ['BUNDLE_TOO_LARGE', 'a manifest too large', [{ path: 'manifest.json', content: big }]],
    ['BUNDLE_FILE_NOT_PLAIN', 'a symbolic link', [manifest, signature, { ...link, type: 'SymbolicLink' }]],
    ['BUNDLE_FILE_NOT_PLAIN', 'a hard link', [manifest, signature, { ...link, type: 'Link' }]],
    [
      'BUNDLE_FILE_NOT_PLAIN',
      'a link in place of the manifest',
      [{ ...link, path: 'manifest.json', type: 'SymbolicLink' }],
    ],
    ['BUNDLE_FILE_NOT_PLAIN', 'a folder', [manifest, signature, { path: 'folder/', type: 'Directory' }]],
    ['BUNDLE_FILE_NOT_PLAIN', 'a pipe', [manifest, signature, { path: 'heads.bin', type: 'FIFO' }]],
    ['BUNDLE_FILE_NOT_PLAIN', 'a device', [manifest, signature, { path: 'heads.bin', type: 'BlockDevice' }]],
    [
      'BUNDLE_FILE_NOT_PLAIN',
      'a kind nobody knows',
      [manifest, signature, { path: 'x', type: 'SparseFile' as 'File' }],
    ],
  ]
  for (const [code, what, hostile] of cases)
    t.equal((await outcome(writeArchive(folder, hostile), keys)).code, code, what)
})

t.test('an archive that unpacks to far more than it is costs no more than it should', async t => {
  const { folder, keys, entries } = await stage(t)
  const zeros = gzipSync(Buffer.alloc(128 * 2 ** 20), { level: 1 })
  const bombs: Record<string, Buffer> = {
    'at once': zeros,
    'a manifest without end': gzipSync(tarOf([{ path: 'manifest.json', content: Buffer.alloc(64 * 2 ** 20) }])),
    'behind the signature': gzipSync(
      tarOf([...entries.slice(0, 2), { path: 'int8.onnx', content: Buffer.alloc(64 * 2 ** 20) }]),
    ),
    'behind its end': Buffer.concat([gzipSync(tarOf(entries)), zeros]),
    'zipped twice': gzipSync(zeros),
  }
  const file = join(folder, 'bomb.tar.gz')
  for (const [what, bytes] of Object.entries(bombs)) {
    writeFileSync(file, bytes)
    const before = process.memoryUsage.rss()
    const { code, seen } = await outcome(file, keys)
    t.match(code, /^BUNDLE_(TOO_LARGE|FILE_CHANGED|ARCHIVE_INVALID)$/, what)
    t.ok(seen.length <= entries.length, what)
    t.ok(process.memoryUsage.rss() - before < 64 * 2 ** 20, `${what}: memory`)
  }
  t.equal(gunzipSync(zeros).length, 128 * 2 ** 20)
})

t.test('what is not an archive at all is named', async t => {
  const { folder, directory, keys, entries } = await stage(t)
  const file = join(folder, 'no.tar.gz')
  for (const bytes of [
    Buffer.from('<html>404</html>'),
    tarOf(entries),
    gzipSync(Buffer.from('no tar')),
    Buffer.alloc(0),
  ]) {
    writeFileSync(file, bytes)
    t.match((await outcome(file, keys)).code, /^BUNDLE_ARCHIVE_(INVALID|ORDER)$/)
  }
  t.equal((await outcome(join(folder, 'absent'), keys)).code, 'BUNDLE_FILE_MISSING')
  t.equal((await outcome(directory, keys)).code, 'BUNDLE_ARCHIVE_INVALID')
})
