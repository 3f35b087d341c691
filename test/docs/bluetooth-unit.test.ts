import { readFileSync } from 'node:fs'
import t from 'tap'

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

t.test('what docs/ble.md asks of the service is what the package brings for it', async t => {
  const settings = read('packaging/systemd/ble.conf')
    .split('\n')
    .filter(line => /^[A-Z]\w*=/.test(line))
  t.ok(settings.length > 0)
  const shown = read('docs/ble.md')
    .split('\n')
    .map(line => line.trim())
  // Without its bounding set, which the unit leaves empty, systemd cannot give the capability and does not start the gateway.
  for (const setting of settings) t.ok(shown.includes(setting), setting)
})
