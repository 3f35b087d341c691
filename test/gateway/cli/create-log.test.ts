import t from 'tap'
import { createLog } from '../../../gateway/cli/create-log.js'

function logging() {
  const lines: string[] = []
  const { log, release } = createLog('info', line => lines.push(line))
  return { log, release, lines }
}

t.test(
  'secrets and what was recorded of a patient are not written, at whatever depth an error brings them',
  async t => {
    const { log, release, lines } = logging()
    release()
    log.info({ token: 'hunter2', device: 'patch-1' }, 'shallow')
    log.warn({ options: { password: 'hunter2', headers: { authorization: 'Bearer hunter2' } } }, 'deep')
    log.error({ error: Object.assign(new Error('refused'), { options: { passphrase: 'hunter2' } }) }, 'an error')
    log.info({ window: { signal: [1234.5678], probabilities: { AFIB: 1234.5678 } }, subject: 'hunter2' }, 'recorded')
    t.equal(lines.length, 4)
    t.notMatch(lines.join(''), /hunter2|1234\.5678/)
    t.match(lines[0], '"device":"patch-1"', 'what a person needs stays')
    t.match(lines[2], 'refused')
  },
)

t.test('the password in a URL is not written, wherever the URL stands', async t => {
  const { log, release, lines } = logging()
  release()
  log.warn({ broker: 'mqtts://gw-1:hunter2@broker.example:8883' }, 'at mqtt://gw-1:hunter2@broker.example and away')
  t.notMatch(lines[0], /hunter2/)
  t.match(lines[0], '//[Redacted]@broker.example:8883')
  log.info({}, 'mail to a@b.example about https://broker.example/@here')
  t.match(lines[1], 'mail to a@b.example about https://broker.example/@here')
})

t.test('lines wait for the release, in their order', async t => {
  const { log, release, lines } = logging()
  log.info({}, 'first')
  t.strictSame(lines, [])
  log.info({}, 'second')
  release()
  log.info({}, 'third')
  t.strictSame(
    lines.map(line => JSON.parse(line).msg),
    ['first', 'second', 'third'],
  )
})
