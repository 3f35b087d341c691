import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { sharedInterval } from '../../../firmware-bridge/transport/shared-interval.js'

const EVERY = 20
const timers = () => process.getActiveResourcesInfo().filter(resource => resource === 'Timeout').length

t.test('many share one timer, whenever they began, and each is called until it ends', async t => {
  const before = timers()
  const turns: number[] = []
  let turn = 0
  const first = sharedInterval(() => turns.push(++turn), EVERY)
  await sleep(EVERY / 2)
  const second = sharedInterval(() => turns.push(turn), EVERY)
  t.equal(timers(), before + 1)
  await sleep(5 * EVERY)
  t.same(
    turns,
    turns.map((_, i) => 1 + Math.floor(i / 2)),
    'always in the same moment',
  )
  t.ok(turn >= 2)
  first()
  first()
  const ended = turn
  turns.length = 0
  await sleep(3 * EVERY)
  t.equal(turn, ended)
  t.ok(turns.length > 0, 'the other goes on')
  second()
  t.equal(timers(), before, 'nothing keeps the process')
})
