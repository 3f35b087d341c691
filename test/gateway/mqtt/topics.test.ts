import fc from 'fast-check'
import t from 'tap'
import { topicSegment, topicsOf } from '../../../gateway/mqtt/topics.js'

t.test('an id becomes one level, readable where it can be', async t => {
  for (const [id, level] of [
    ['patch-7f3a', 'patch-7f3a'],
    ['LAFB/LPFB', 'LAFB%2FLPFB'],
    ['a+b#c', 'a%2Bb%23c'],
    ['100%', '100%25'],
    ['Bett 3, Zürich', 'Bett 3, Zürich'],
    ['\u0000\n\u009f', '%00%0A%C2%9F'],
    ['\ufffe\ufdd0', '%EF%BF%BE%EF%B7%90'],
  ] as const) {
    t.equal(topicSegment(id), level)
    t.equal(decodeURIComponent(level), id)
  }
})

t.test('any text comes back, in one level without wildcards, control characters or non-characters', async () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'binary' }), id => {
      const level = topicSegment(id)
      return decodeURIComponent(level) === id && !/[/+#\p{Cc}\p{Noncharacter_Code_Point}]/u.test(level)
    }),
  )
})

t.test('what cannot be an id is refused', async t => {
  for (const id of ['', '\ud800', 'a\udc00b']) t.throws(() => topicSegment(id), { code: 'TOPIC_ID' })
})

t.test('the topics are those of the specification', async t => {
  const topics = topicsOf('ecg', 'amb-12')
  t.equal(topics.state, 'ecg/amb-12/state')
  t.equal(topics.health, 'ecg/amb-12/health')
  t.equal(topics.deviceState('patch-7f3a'), 'ecg/amb-12/device/patch-7f3a/state')
  t.equal(topics.assessment('p'), 'ecg/amb-12/device/p/assessment')
  t.equal(topics.alert('p/1', 'LAFB/LPFB'), 'ecg/amb-12/device/p%2F1/alert/LAFB%2FLPFB')
  t.equal(topicsOf('ward/ecg', 'g').state, 'ward/ecg/g/state')
})

t.test('a base that cannot be subscribed to as it is written is refused', async t => {
  for (const base of ['', '/ecg', 'ecg/', 'a//b', 'a/+', '#', '$SYS', 'a%b', 'a\nb'])
    t.throws(() => topicsOf(base, 'g'), { code: 'TOPIC_BASE', exitCode: 2 }, JSON.stringify(base))
})
