import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const MAIN = fileURLToPath(new URL('../../../gateway/cli/main.js', import.meta.url))

/** The page is the last thing that starts: devices, messaging and the model's thread are up when its folder cannot be read. */
const WITHOUT_PAGE = `
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  const { readdirSync } = fs
  fs.readdirSync = (path, options) => {
    if (String(path).endsWith('monitor/page')) throw new Error('the page is gone')
    return readdirSync(path, options)
  }
  syncBuiltinESMExports()`

t.test('a gateway that fails half-way through its start says so and ends', async t => {
  const gateway = spawn(
    process.execPath,
    [
      `--import=data:text/javascript,${encodeURIComponent(WITHOUT_PAGE)}`,
      MAIN,
      'run',
      '--broker',
      'embedded',
      '--data',
      t.testdir(),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  t.teardown(() => gateway.kill('SIGKILL'))
  let said = ''
  gateway.stderr.on('data', text => {
    said += text
  })
  const [code] = await once(gateway, 'close')
  t.equal(code, 1)
  t.match(said, /^ecgclip: the page is gone$/m)
})
