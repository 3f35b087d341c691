import t from 'tap'
import { alertMessage } from '../../../gateway/mqtt/alert-message.js'
import { AlertSchema } from '../../../gateway/mqtt/messages.js'
import { alertRig, inWords, task } from './alert-rig.js'

const AFIB = task('AFIB')
const of = (...steps: number[]) => ({ saliency: new Map([[0, Float32Array.from(steps)]]) })

t.test('an alert shows the saliency of the last window that reached the threshold', t => {
  const rig = alertRig([AFIB])
  rig.window({ AFIB: 0.9 }, of(0.1, 0.2))
  rig.window({ AFIB: 0.9 }, of(1 / 3, -1e-9))
  for (let i = 0; i < 3; i++) rig.window({ AFIB: 0 })
  t.match(rig.said, [
    { phase: 'start', evidence: { probability: 0.9, saliency: [0.3333, 0] } },
    { phase: 'end', evidence: { probability: 0, saliency: [0.3333, 0] } },
  ])
  t.end()
})

t.test('an alert shows no saliency of a window that it does not rest on', t => {
  // The bundle gives saliency from its own threshold on, and the site's is lower.
  const low = alertRig([AFIB], { tasks: { AFIB: { threshold: 0.3 } } })
  low.window({ AFIB: 0.9 }, of(1, 2))
  for (let i = 0; i < 3; i++) low.window({ AFIB: 0 })
  for (let i = 0; i < 2; i++) low.window({ AFIB: 0.4 })
  t.same(inWords(low.said), ['start AFIB active'])
  t.notOk('saliency' in low.said[0]!.evidence)

  // The window that is kept as the evidence is one below the threshold.
  const late = alertRig([AFIB])
  for (let i = 0; i < 2; i++) late.window({ AFIB: 0.9 }, of(1, 2))
  for (let i = 0; i < 3; i++) late.window({ AFIB: 0 })
  late.pass(40_000)
  for (let i = 0; i < 3; i++) late.window({ AFIB: 0.9 }, of(3, 4))
  late.window({ AFIB: 0.6 })
  t.match(late.said.at(-1), { phase: 'start', evidence: { probability: 0.6 } })
  t.notOk('saliency' in late.said.at(-1)!.evidence)
  t.end()
})

t.test('an alert that goes on by another bundle leaves the saliency of the one before', t => {
  const rig = alertRig([AFIB])
  for (let i = 0; i < 2; i++) rig.window({ AFIB: 0.9 }, of(1))
  rig.engine.change({ tasks: [AFIB] })
  rig.window({ AFIB: 0.6 }, { sha256: 'b'.repeat(64) })
  const [afib] = rig.engine.open()
  t.match(afib, { evidence: { probability: 0.6, model: { sha256: 'b'.repeat(64) } } })
  t.notOk('saliency' in afib!.evidence)
  t.end()
})

t.test('an alert is told without a saliency that is no number, as half precision may overflow', t => {
  const rig = alertRig([AFIB])
  for (let i = 0; i < 2; i++) rig.window({ AFIB: 0.9 }, of(1, Number.POSITIVE_INFINITY))
  const message = alertMessage(rig.said[0]!, { gateway: 'gw-1', seq: 1, session: 1 })
  t.same(AlertSchema.safeParse(JSON.parse(JSON.stringify(message))).error, undefined)
  t.notOk('saliency' in message.evidence)
  t.end()
})
