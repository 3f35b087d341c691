import t from 'tap'
import { Microseconds, Seconds } from '../../../ecg/units.js'
import { createSchedule, type Turn, type Urgency } from '../../../gateway/inference/schedule.js'

const HOP = 5

const turn = (patient: string | undefined, due: number, urgency: Urgency = 'screening'): Turn => ({
  patient,
  asked: Microseconds(1000 * Seconds(due - HOP)),
  due: Microseconds(1000 * Seconds(due)),
  urgency,
})
const drain = (schedule: { take(): Turn | undefined }): (string | undefined)[] => {
  const order: (string | undefined)[] = []
  for (let next = schedule.take(); next !== undefined; next = schedule.take()) order.push(next.patient)
  return order
}

t.test('earliest deadline first, and in the order of arrival where deadlines are equal', async t => {
  const schedule = createSchedule<Turn>(10)
  for (const [patient, due] of Object.entries({ a: 7, b: 3, c: 5, d: 3 })) schedule.put(turn(patient, due))
  t.equal(schedule.size, 4)
  t.same(drain(schedule), ['b', 'd', 'c', 'a'])
  t.equal(schedule.take(), undefined)
})

t.test('acute goes before prompt and prompt before screening, until the others have waited too long', async t => {
  const schedule = createSchedule<Turn>(10)
  schedule.put(turn('screening', 100))
  schedule.put(turn('prompt', 105, 'prompt'))
  schedule.put(turn('acute', 110, 'acute'))
  schedule.put(turn('starving', 79))
  t.same(drain(schedule), ['starving', 'acute', 'prompt', 'screening'])
})

t.test('a newer window takes the place of the same patient’s older one, whichever comes first', async t => {
  const schedule = createSchedule<Turn>(10)
  const [older, newer] = [turn('a', 1), turn('a', 6)]
  t.equal(schedule.put(older), undefined)
  schedule.put(turn('b', 2))
  t.equal(schedule.put(newer), older)
  t.equal(schedule.take(), newer, 'with the older one’s deadline')
  schedule.put(newer)
  t.equal(schedule.put(older), older)
  t.same(drain(schedule), ['a', 'b'])
})

t.test('windows of one patient that come in a burst are all run', async t => {
  const schedule = createSchedule<Turn>(10)
  for (const due of [5, 5.05, 9.9]) t.equal(schedule.put(turn('a', due)), undefined)
  t.equal(schedule.put(turn('a', 10))?.due, turn('a', 5).due)
  t.same(drain(schedule), ['a', 'a', 'a'])
})

t.test('windows without a patient never displace one another', async t => {
  const schedule = createSchedule<Turn>(10)
  for (const due of [3, 1, 2]) t.equal(schedule.put(turn(undefined, due)), undefined)
  t.equal(schedule.size, 3)
})

t.test('when too many wait, the least urgent that is due first gives way', async t => {
  const schedule = createSchedule<Turn>(2)
  schedule.put(turn('acute', 1, 'acute'))
  schedule.put(turn('a', 5))
  t.equal(schedule.put(turn('b', 6))?.patient, 'a')
  t.same(drain(schedule), ['acute', 'b'])
})

t.test(
  'at any overload every patient is served equally often, and never waits longer than for one turn of all',
  async t => {
    for (const overload of [1.1, 2, 5]) {
      const [patients, hop] = [16, 5]
      const schedule = createSchedule<Turn>(patients)
      const served = new Map<string, number[]>()
      const service = (hop / patients) * overload
      let arrivals = 0
      for (let now = 0; now < 1000; now += service) {
        for (; (arrivals * hop) / patients <= now; arrivals++)
          schedule.put(turn(`p${arrivals % patients}`, (arrivals * hop) / patients + hop))
        const patient = schedule.take()?.patient
        if (patient !== undefined) served.set(patient, [...(served.get(patient) ?? []), now])
      }
      const counts = [...served.values()].map(times => times.length)
      t.equal(counts.length, patients)
      t.ok(Math.max(...counts) - Math.min(...counts) <= 2, `${overload}: ${counts}`)
      const gaps = [...served.values()].flatMap(times => times.slice(1).map((time, i) => time - times[i]!))
      t.ok(Math.max(...gaps) < hop * overload + 2 * hop, `${overload}: longest gap ${Math.max(...gaps)} s`)
    }
  },
)
