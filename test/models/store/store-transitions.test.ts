import t from 'tap'
import { EMPTY_STORE, type Installed, type StoreState } from '../../../models/store/store-state.js'
import {
  activated,
  confirmed,
  installed,
  MOST_STARTS_ON_TRIAL,
  returned,
  rolledBack,
  started,
  startOrder,
  stopped,
} from '../../../models/store/store-transitions.js'

const shipped = { name: 'shipped', counter: 6 }

function bundle(version: string, counter = 1, name = 'site'): Installed {
  const sha256 = version.replaceAll('.', '').padEnd(64, '0')
  return { name, version, counter, sha256, key: '0123456789abcdef', installed: '2026-01-01T00:00:00Z', fault: null }
}

const install = (state: StoreState, version: string, counter = 1) => installed(state, bundle(version, counter), shipped)
/** What is in the slots, the active one in brackets, one on trial with a question mark. */
const seen = ({ slots, active, trial }: StoreState) =>
  (['a', 'b'] as const)
    .map(slot => {
      const what = slots[slot]?.version ?? '–'
      return slot === active ? `[${what}${trial ? '?' : ''}]` : what
    })
    .join(' ')

t.test('bundles take turns in the two slots, and the one before the active one is always kept', async t => {
  let state = install(EMPTY_STORE, '1.0.0')
  t.equal(seen(state), '[1.0.0?] –')
  state = confirmed(state)
  state = install(state, '2.0.0')
  t.equal(seen(state), '1.0.0 [2.0.0?]')
  t.same(state.trial, { returnTo: 'a', starts: 0, windows: 0 })
  state = confirmed(state)
  state = confirmed(install(state, '3.0.0'))
  t.equal(seen(state), '[3.0.0] 2.0.0')
})

t.test(
  'a bundle on trial gives its place to the next one, so that what has proved itself stays to be returned to',
  async t => {
    let state = confirmed(install(EMPTY_STORE, '1.0.0'))
    state = install(install(state, '2.0.0'), '3.0.0')
    t.equal(seen(state), '1.0.0 [3.0.0?]')
    state = returned(state, 'too slow')
    t.equal(seen(state), '[1.0.0] 3.0.0')
    t.equal(state.slots.b?.fault, 'too slow')
    t.same(startOrder(state), ['a'], 'a bundle with a fault is not what a gateway falls back to')
    t.equal(seen(install(state, '4.0.0')), '1.0.0 [4.0.0?]')
  },
)

t.test('the first bundle on trial returns to the shipped one', async t => {
  const state = returned(install(EMPTY_STORE, '1.0.0'), 'wrong')
  t.equal(state.active, null)
  t.same(startOrder(state), [])
})

t.test('installing what is active already changes nothing, and what came back with a fault is tried again', async t => {
  const state = confirmed(install(EMPTY_STORE, '1.0.0'))
  t.equal(install(state, '1.0.0'), state)
  const trial = install(state, '2.0.0')
  t.equal(install(trial, '2.0.0'), trial)
  t.equal(seen(install(returned(trial, 'too slow'), '2.0.0')), '1.0.0 [2.0.0?]')
})

t.test('the counter rises when a bundle has proved itself, and not before, and each name has its own', async t => {
  let state = install(EMPTY_STORE, '2.0.0', 9)
  t.equal(
    seen(install(state, '1.9.0', 8)),
    '[1.9.0?] –',
    'what does not prove itself does not stand in the way of its mending',
  )
  state = confirmed(state)
  t.throws(() => install(state, '1.9.0', 8), { code: 'BUNDLE_COUNTER_LOWER', exitCode: 3 })
  t.equal(seen(install(state, '2.0.1', 9)), '2.0.0 [2.0.1?]')
  t.equal(seen(installed(state, bundle('0.1.0', 0, 'another'), shipped)), '2.0.0 [0.1.0?]')
  t.throws(() => installed(state, bundle('0.5.0', 5, 'shipped'), shipped), { code: 'BUNDLE_COUNTER_LOWER' })
  t.equal(rolledBack(confirmed(install(state, '3.0.0', 12))).active, 'a', 'going back is not installing')
})

t.test('rolling back goes to the bundle before, then to the shipped one, and never forth again', async t => {
  let state = confirmed(install(confirmed(install(EMPTY_STORE, '1.0.0')), '2.0.0'))
  state = rolledBack(state)
  t.equal(seen(state), '[1.0.0] 2.0.0')
  state = rolledBack(state)
  t.equal(state.active, null)
  t.throws(() => rolledBack(state), { code: 'STORE_NOTHING_BEFORE', exitCode: 2 })
  t.equal(seen(rolledBack(install(EMPTY_STORE, '1.0.0'))), '1.0.0 –', 'a trial ends with it')
  state = activated(state, 'b')
  t.equal(seen(state), '1.0.0 [2.0.0?]', 'by name it can be run all the same, and has to prove itself')
  t.equal(state.trial?.returnTo, null)
})

t.test('activating an empty slot is refused, the shipped bundle is always there', async t => {
  t.throws(() => activated(EMPTY_STORE, 'a'), { code: 'STORE_SLOT_EMPTY', exitCode: 2 })
  t.equal(activated(install(EMPTY_STORE, '1.0.0'), null).active, null)
  t.equal(activated(EMPTY_STORE, null), EMPTY_STORE)
})

t.test(
  'a bundle that takes the gateway down again and again is left, one that was switched off with it is not',
  async t => {
    let state = install(confirmed(install(EMPTY_STORE, '1.0.0')), '2.0.0')
    for (let i = 0; i < MOST_STARTS_ON_TRIAL; i++) state = started(state)
    state = stopped(state, 12)
    t.same(state.trial, { returnTo: 'a', starts: 0, windows: 12 })
    for (let i = 0; i < MOST_STARTS_ON_TRIAL; i++) state = started(state)
    t.equal(state.active, 'b')
    state = started(state)
    t.equal(seen(state), '[1.0.0] 2.0.0')
    t.match(state.slots.b?.fault, /no clean end/)
    t.equal(started(state), state)
  },
)

t.test('without a trial there is nothing to confirm or to return from', async t => {
  for (const change of [confirmed, (state: StoreState) => returned(state, '')])
    t.throws(() => change(EMPTY_STORE), { code: 'STORE_NO_TRIAL' })
})
