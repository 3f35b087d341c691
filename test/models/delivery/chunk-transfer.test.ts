import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createChunkTransfer } from '../../../models/delivery/chunk-transfer.js'

const archive = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251))
const piece = (offset: number, bytes = 300, transfer = 'one') => ({
  transfer,
  offset,
  total: archive.length,
  data: archive.subarray(offset, offset + bytes),
})

t.test('pieces that follow one another become the archive', async t => {
  const transfer = createChunkTransfer(join(t.testdir(), 'transfer'))
  for (let offset = 0; offset < archive.length; ) offset = transfer.add(piece(offset))
  t.same(readFileSync(transfer.file('one')), archive)
})

t.test('a piece that was lost, repeated or came after a restart is answered with where to go on', async t => {
  const folder = join(t.testdir(), 'transfer')
  const before = createChunkTransfer(folder)
  t.equal(before.add(piece(300)), 0, 'the first piece was lost')
  t.equal(before.add(piece(0)), 300)
  t.equal(before.add(piece(0)), 300, 'the answer was lost')
  t.equal(before.add(piece(600)), 300, 'one was lost')
  const after = createChunkTransfer(folder)
  t.equal(after.add(piece(0)), 300)
  t.equal(after.add(piece(300)), 600)
})

t.test('the first piece of another archive ends the one before', async t => {
  const transfer = createChunkTransfer(join(t.testdir(), 'transfer'))
  transfer.add(piece(0))
  t.equal(transfer.add(piece(300, 300, 'two')), 0)
  t.equal(transfer.add(piece(300)), 600, 'which a stray piece does not')
  t.equal(transfer.add(piece(0, 300, 'two')), 300)
  t.equal(transfer.add(piece(600)), 0)
})

t.test('the name of a transfer leads nowhere', async t => {
  const folder = join(t.testdir(), 'transfer')
  const transfer = createChunkTransfer(folder)
  transfer.add(piece(0, 300, '../../escaped'))
  t.match(transfer.file('../../escaped'), new RegExp(`^${folder}/[0-9a-f]{16}\\.tar\\.gz$`))
})

t.test('more than there is to come, or than a bundle may have, is refused', async t => {
  const transfer = createChunkTransfer(join(t.testdir(), 'transfer'))
  t.throws(() => transfer.add({ ...piece(0), total: 100 }), { code: 'DELIVERY_CHUNK_INVALID' })
  t.throws(() => transfer.add({ ...piece(0), total: 0 }), { code: 'DELIVERY_TOO_LARGE' })
  t.throws(() => transfer.add({ ...piece(0), total: 2 ** 40 }), { code: 'DELIVERY_TOO_LARGE' })
})
