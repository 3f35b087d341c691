import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const SCRIPT = fileURLToPath(new URL('./fixtures/end-while-running.js', import.meta.url))

async function end(...args: string[]): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, stderr }
}

t.test('a program that exits while the model runs ends with its own exit code', async t => {
  t.same(await end('running', 'exit'), { code: 3, signal: null, stderr: '' })
})

t.test('a program that exits while the model waits for windows ends at once, with its own exit code', async t => {
  t.same(await end('waiting', 'exit'), { code: 3, signal: null, stderr: '' })
})

t.test('a program that fails while the model runs ends with its own error', async t => {
  const { code, stderr } = await end('running', 'throw')
  t.equal(code, 1)
  t.match(stderr, 'a defect elsewhere')
  t.notMatch(stderr, 'Napi')
})

t.test('a program that exits while the model loads ends with its own exit code', async t => {
  for (const ms of [0, 100, 200]) t.same(await end('loading', 'exit', `${ms}`), { code: 3, signal: null, stderr: '' })
})
