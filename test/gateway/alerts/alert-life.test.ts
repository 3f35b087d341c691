import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { AlertTransition } from '../../../gateway/alerts/alert.js'
import type { TechnicalKey } from '../../../gateway/alerts/technical-conditions.js'
import { alertRig, HOP_MS, task } from './alert-rig.js'

/** Whatever happens, the life of every alert has the shape that IHE ACM gives it. */

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const step = fc.oneof(
  fc.record({
    kind: fc.constant('window' as const),
    device: fc.constantFrom('a', 'b'),
    AFIB: fc.double({ min: 0, max: 1, noNaN: true }),
    PAC: fc.double({ min: 0, max: 1, noNaN: true }),
    quality: fc.constantFrom('good' as const, 'good' as const, 'degraded' as const, 'uninterpretable' as const),
    boot: fc.constantFrom(1, 1, 1, 2),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1000, 20_000, 70_000, 2_000_000) }),
  fc.record({
    kind: fc.constant('condition' as const),
    device: fc.constantFrom('a', 'b'),
    key: fc.constantFrom<TechnicalKey>('ELECTRODES_OFF', 'DEVICE_LOST', 'DATA_GAP'),
    detail: fc.constantFrom(null, 'x', 'y'),
  }),
)

/** `only`: what happens to other devices takes its time, and nothing else. */
function play(steps: readonly Step[], only?: string): AlertTransition[] {
  const rule = { tier: 'acute', need: 1, of: 2, clearBelow: 0.5 } as const
  const rig = alertRig([task('AFIB', { alert: rule }), task('PAC')])
  for (const s of steps) {
    if (s.kind === 'wait') rig.wait(s.ms)
    else if (only !== undefined && s.device !== only) rig.pass(s.kind === 'window' ? HOP_MS : 0)
    else if (s.kind === 'condition') rig.condition(s.device, s.key, s.detail)
    else rig.window({ AFIB: s.AFIB, PAC: s.PAC }, { quality: s.quality, boot: s.boot }, s.device)
  }
  return rig.said
}

/** What is wrong with the life of alerts, or null. */
function fault(said: readonly AlertTransition[]): string | null {
  const open = new Map<string, AlertTransition>()
  const used = new Set<string>()
  for (const now of said) {
    const key = `${now.device}/${now.condition.key}`
    const before = open.get(key)
    if ((now.phase === 'start') !== (before === undefined)) return `${now.phase} of ${key} out of turn`
    if (now.phase === 'start' && used.has(now.id)) return `id ${now.id} used twice`
    used.add(now.id)
    if (before !== undefined && (before.id !== now.id || before.raised !== now.raised)) return `${key} changed identity`
    const expected = { start: 'active', end: 'inactive', reset: 'inactive' } as Record<string, string>
    if (expected[now.phase] !== undefined && now.state !== expected[now.phase]) return `${now.phase} is ${now.state}`
    if (now.phase === 'end' && before?.state !== 'active') return 'end of what was not active'
    if (now.phase === 'reset' && before?.state !== 'latched') return 'reset of what was not latched'
    if (now.phase === 'continue' && before?.state !== now.state) return 'continue that changes the state'
    if (now.state === 'inactive') open.delete(key)
    else open.set(key, now)
  }
  return null
}

const steps = fc.array(step, { maxLength: 80 })

t.test('never two starts without an end, never an end without a start, one id for life', async () => {
  fc.assert(
    fc.property(steps, all => {
      const wrong = fault(play(all))
      if (wrong !== null) throw new Error(wrong)
    }),
  )
})

t.test('a device is told the same whether or not another one is there', async () => {
  const toA = (said: readonly AlertTransition[]) =>
    said.filter(({ device }) => device === 'a').map(s => ({ ...s, id: '' }))
  fc.assert(
    fc.property(steps, all =>
      isDeepStrictEqual(
        toA(play(all)),
        play(all, 'a').map(s => ({ ...s, id: '' })),
      ),
    ),
  )
})
