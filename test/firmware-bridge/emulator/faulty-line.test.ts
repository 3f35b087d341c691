import t from 'tap'
import { createFaultyLine, type Faults } from '../../../firmware-bridge/emulator/faulty-line.js'

const FRAMES = 10_000

function harm(faults: Faults) {
  const out: Buffer[] = []
  const line = createFaultyLine(faults, bytes => out.push(Buffer.from(bytes)))
  for (let i = 0; i < FRAMES; i++) line(Buffer.of(i >> 8, i & 255, 7, 7))
  return out
}

const number = (frame: Buffer) => frame.readUInt16BE(0)

t.test('without faults everything passes', async t => {
  t.same(
    harm({ seed: 1 }).map(number),
    Array.from({ length: FRAMES }, (_, i) => i),
  )
})

t.test('the same seed does the same harm', async t => {
  const all = { drop: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1, cut: 0.1 }
  t.same(harm({ seed: 5, ...all }), harm({ seed: 5, ...all }))
  t.notSame(harm({ seed: 5, ...all }), harm({ seed: 6, ...all }))
})

t.test('each harm is what it is called, as often as asked', async t => {
  const about = (count: number) => Math.abs(count - 0.2 * FRAMES) < 0.03 * FRAMES
  t.ok(about(FRAMES - harm({ seed: 1, drop: 0.2 }).length), 'drop')
  t.ok(about(harm({ seed: 1, duplicate: 0.2 }).length - FRAMES), 'duplicate')
  t.ok(about(harm({ seed: 1, cut: 0.2 }).filter(frame => frame.length < 4).length), 'cut')
  t.ok(
    about(harm({ seed: 1, corrupt: 0.2 }).filter((frame, i) => !frame.equals(Buffer.of(i >> 8, i & 255, 7, 7))).length),
    'corrupt',
  )
  const order = harm({ seed: 1, reorder: 0.2 }).map(number)
  const late = order.filter((frame, i) => i > 0 && frame < order[i - 1]!)
  t.ok(late.length > 0.1 * FRAMES && late.length < 0.2 * FRAMES, 'reorder')
  t.ok(new Set(order).size >= FRAMES - 3, 'and it loses none but those still held at the end')
})
