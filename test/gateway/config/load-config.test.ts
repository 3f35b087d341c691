import { join } from 'node:path'
import t from 'tap'
import { ConfigError, loadConfig } from '../../../gateway/config/load-config.js'

t.test('an empty configuration is a complete one', async t => {
  const file = join(t.testdir({ 'gateway.yaml': '' }), 'gateway.yaml')
  const config = loadConfig(file)
  t.equal(config.broker.url, 'embedded')
  t.equal(config.broker.base, 'ecg')
  t.equal(config.hopSeconds, 5)
  t.same(config.devices, [])
})

t.test('the command line wins over the file, key by key', async t => {
  const yaml = 'id: amb-12\nhopSeconds: 2\nbroker:\n  url: mqtt://10.0.0.9\n  base: ward\n'
  const file = join(t.testdir({ 'gateway.yaml': yaml }), 'gateway.yaml')
  const config = loadConfig(file, { hopSeconds: 1, broker: { url: 'embedded' } })
  t.equal(config.id, 'amb-12')
  t.equal(config.hopSeconds, 1)
  t.equal(config.broker.url, 'embedded')
  t.equal(config.broker.base, 'ward')
})

t.test('everything that is wrong is said at once, in one line, with exit code 2', async t => {
  const yaml = 'hopSecond: 5\nbroker:\n  urls: x\nlog:\n  level: loud\n'
  const file = join(t.testdir({ 'gateway.yaml': yaml }), 'gateway.yaml')
  const error = thrown(() => loadConfig(file))
  t.match(error, { code: 'CONFIG_INVALID', exitCode: 2 })
  for (const part of ['"hopSecond"', '"broker.urls"', 'log.level', file]) t.ok(error.message.includes(part), part)
  t.notOk(error.message.includes('\n'))
})

t.test('a section that is no mapping is refused by its name', async t => {
  const file = join(t.testdir({ 'gateway.yaml': 'broker: mqtt://127.0.0.1\n' }), 'gateway.yaml')
  t.match(thrown(() => loadConfig(file)).message, /broker/)
})

t.test('what is not YAML, not a mapping or not there is refused', async t => {
  const folder = t.testdir({ 'broken.yaml': 'id: [', 'alias.yaml': 'id: *ward\n', 'list.yaml': '- 1\n' })
  for (const name of ['broken.yaml', 'alias.yaml'])
    t.match(
      thrown(() => loadConfig(join(folder, name))),
      { code: 'CONFIG_NOT_YAML', exitCode: 2, message: name },
    )
  t.equal(thrown(() => loadConfig(join(folder, 'list.yaml'))).code, 'CONFIG_INVALID')
  t.equal(thrown(() => loadConfig(join(folder, 'absent.yaml'))).code, 'CONFIG_UNREADABLE')
})

function thrown(action: () => unknown): ConfigError {
  try {
    action()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
