import t from 'tap'
import { loadDeadline, runDeadline } from '../../../gateway/inference/deadlines.js'

t.afterEach(() => {
  delete process.env.ECGCLIP_SLOWNESS
})

t.test('every limit grows on a machine that is said to be slow', async t => {
  const [load, tensorrt, run] = [loadDeadline('cpu'), loadDeadline('tensorrt'), runDeadline()]
  t.ok(tensorrt > load, 'a provider that compiles the model has longer')
  process.env.ECGCLIP_SLOWNESS = '20'
  t.strictSame([loadDeadline('cpu'), loadDeadline('tensorrt'), runDeadline()], [20 * load, 20 * tensorrt, 20 * run])
})

for (const value of ['0.1', '-3', 'slow', ''])
  t.test(`a slowness of "${value}" changes nothing`, async t => {
    const limits = [loadDeadline('cpu'), runDeadline()]
    process.env.ECGCLIP_SLOWNESS = value
    t.strictSame([loadDeadline('cpu'), runDeadline()], limits)
  })
