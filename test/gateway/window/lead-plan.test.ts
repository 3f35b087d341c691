import t from 'tap'
import { INDEPENDENT_LEADS, type Lead, STANDARD_LEADS } from '../../../ecg/leads.js'
import { planLeads } from '../../../gateway/window/lead-plan.js'

/** Limb leads of a heart whose I and II are these; exact in binary, so that any two give the others exactly or nearly so. */
const LIMBS: Partial<Record<Lead, number>> = { I: 0.5, II: 1.25, III: 0.75, aVR: -0.875, aVL: -0.125, aVF: 1 }

const amplitude = (name: string): number => LIMBS[name as Lead] ?? Number(name.slice(1))

function derive(names: string[]): (number | undefined)[] {
  return planLeads(names, STANDARD_LEADS).map(({ terms }) =>
    terms.length === 0
      ? undefined
      : terms.reduce((sum, { channel, weight }) => sum + weight * amplitude(names[channel]!), 0),
  )
}

const TWELVE = [0.5, 1.25, 0.75, -0.875, -0.125, 1, 1, 2, 3, 4, 5, 6]

t.test('eight independent leads give twelve', async t => {
  t.same(derive([...INDEPENDENT_LEADS]), TWELVE)
})

t.test('any two limb leads give the other four', async t => {
  const limbs = STANDARD_LEADS.slice(0, 6)
  for (const a of limbs)
    for (const b of limbs.filter(other => other !== a)) {
      const worst = Math.max(
        ...derive([b, a])
          .slice(0, 6)
          .map((value, i) => Math.abs(value! - TWELVE[i]!)),
      )
      t.ok(worst < 1e-12, `from ${a} and ${b}`)
    }
})

t.test('where I and II are there, the four derived leads of a record are not used', async t => {
  const names = [...STANDARD_LEADS].reverse()
  for (const { lead, terms } of planLeads(names, STANDARD_LEADS))
    for (const { channel } of terms) t.ok((INDEPENDENT_LEADS as readonly string[]).includes(names[channel]!), lead)
  t.same(derive(names), TWELVE)
})

t.test('one limb lead stands for itself only', async t => {
  t.same(derive(['aVF']), [...Array(5).fill(undefined), 1, ...Array(6).fill(undefined)])
})

t.test('names are read as people spell them, and the first of two equal ones is used', async t => {
  const plan = planLeads(['resp', 'avr', ' ii', 'II', 'v3'], ['II', 'V3'])
  t.same(plan, [
    { lead: 'II', terms: [{ channel: 2, weight: 1 }] },
    { lead: 'V3', terms: [{ channel: 4, weight: 1 }] },
  ])
})

t.test('only the leads that are asked for, in their order', async t => {
  t.same(
    planLeads([...INDEPENDENT_LEADS], ['V1', 'III']).map(({ lead }) => lead),
    ['V1', 'III'],
  )
})
