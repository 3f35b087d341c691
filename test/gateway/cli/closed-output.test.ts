import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { NO_FLASH_BOARD, startFlashBoard } from '../../firmware-bridge/flash/flash-board.js'
import { makeFlash, makeImage } from '../../firmware-bridge/flash/image-maker.js'
import { runCli } from './run-cli.js'

const MAIN = fileURLToPath(new URL('../../../gateway/cli/main.js', import.meta.url))
const FULL = '/dev/full'

t.test('a result that cannot be written is an error with a sentence', { skip: !existsSync(FULL) }, async t => {
  const full = openSync(FULL, 'w')
  const child = spawn(process.execPath, [MAIN, 'config', 'schema'], { stdio: ['ignore', full, 'pipe'] })
  closeSync(full)
  let said = ''
  child.stderr?.on('data', text => {
    said += text
  })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(said, /^ecgclip: the result cannot be written \(.*no space left.*\n$/)
})

t.test(
  'a command goes on to its end where nobody listens to its remarks any more',
  { skip: NO_FLASH_BOARD },
  async t => {
    const folder = t.testdir()
    const { uri } = await startFlashBoard(t, makeFlash(folder, { version: '1.0.0' }))
    const upload = runCli('flash', 'upload', makeImage(folder, { version: '1.1.0' }).path, '--json', '--device', uri)
    upload.process.stderr?.destroy()
    t.equal(await upload.ended, 0)
    t.match(JSON.parse(upload.out()), { upload: { match: true } })
  },
)
