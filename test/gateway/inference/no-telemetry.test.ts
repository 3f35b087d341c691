import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const SCRIPT = fileURLToPath(new URL('./fixtures/end-while-running.js', import.meta.url))

t.test('a model runs without anything being kept for somebody else in the user’s folder', async t => {
  const home = t.testdir()
  const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, ...env } = process.env
  const child = spawn(process.execPath, [SCRIPT, 'waiting', 'exit'], { env: { ...env, HOME: home }, stdio: 'ignore' })
  t.same(await once(child, 'close'), [3, null])
  t.same(readdirSync(home), [])
})
