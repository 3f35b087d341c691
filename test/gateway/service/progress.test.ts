import t from 'tap'
import { Microseconds, Seconds } from '../../../ecg/units.js'
import { createProgress } from '../../../gateway/service/progress.js'

const at = (seconds: number) => Microseconds(seconds * 1e6)

/** Samples ten times a second, and what `each` does at every whole second. */
function stream(from: number, to: number, each: (second: number) => void = () => {}) {
  const progress = createProgress(Seconds(5))
  for (let tenth = from * 10; tenth <= to * 10; tenth++) {
    progress.samples(at(tenth / 10))
    if (tenth % 50 === 0) each(tenth / 10)
  }
  return progress
}

t.test('samples for 30 s without a window are a pipeline that is stuck', async t => {
  t.notOk(stream(0, 30).stuck(at(30)), 'a window, two hops and 10 s are allowed')
  t.ok(stream(0, 31).stuck(at(31)))
})

t.test('a window every hop is progress, also one without findings', async t => {
  const progress = createProgress(Seconds(5))
  let stuck = false
  for (let tenth = 0; tenth < 6000; tenth++) {
    progress.samples(at(tenth / 10))
    if (tenth > 100 && tenth % 50 === 0) progress.told(at(tenth / 10))
    stuck ||= progress.stuck(at(tenth / 10))
  }
  t.notOk(stuck)
})

t.test('a device that is silent, was never there, or was asked to begin anew owes nothing', async t => {
  t.notOk(createProgress(Seconds(5)).stuck(at(1000)))
  const silent = stream(0, 40)
  t.notOk(silent.stuck(at(43)), 'silent for 3 s')
  silent.samples(at(50))
  t.notOk(silent.stuck(at(51)), 'it counts anew from the first sample after the silence')
  const anew = stream(0, 40)
  anew.reset()
  anew.samples(at(41))
  t.notOk(anew.stuck(at(42)))
})

t.test('a window now and then is not enough for samples that never stop', async t => {
  const progress = stream(0, 20)
  progress.told(at(20))
  for (let tenth = 200; tenth <= 511; tenth++) progress.samples(at(tenth / 10))
  t.ok(progress.stuck(at(51.1)))
})
