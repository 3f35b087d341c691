import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'
import { type EndToEnd, measureEndToEnd, SERVICE_FLAGS } from '../end-to-end.js'

/**
 * The gateway beside `peer.py`, and beside `least.ts`, which shows how much of it is Node's: at the same time on the same machine,
 * with the same network and the same kind of stream, each with its own virtual patients and broker in further processes. Each
 * would run for months, so it warms up before it is measured: a JIT that still compiles is not what is compared.
 *
 *     node dist/bench/peers/side-by-side.js [--patients 1,8] [--seconds 60] [--warm-up 60] [--python python3] [--json]
 */

const LEAST = fileURLToPath(new URL('./least.js', import.meta.url))
const PEER = fileURLToPath(new URL('../../../bench/peers/peer.py', import.meta.url))
const { values } = parseArgs({
  options: {
    patients: { type: 'string', default: '1,8' },
    seconds: { type: 'string', default: '60' },
    'warm-up': { type: 'string', default: '60' },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
})

const warmUpSeconds = Number(values['warm-up'])
const rows: ({ program: string } & EndToEnd)[] = []
for (const patients of values.patients.split(',').map(Number)) {
  const [gateway, peer, least] = await Promise.all([
    measureGateway(patients),
    measureOther(patients, values.python, [PEER]),
    measureOther(patients, process.execPath, [...SERVICE_FLAGS, LEAST]),
  ])
  rows.push({ program: 'gateway', ...gateway }, { program: 'peer.py', ...peer }, { program: 'least.ts', ...least })
}
if (values.json) console.log(JSON.stringify(rows))
else console.table(rows)

async function measureGateway(patients: number): Promise<EndToEnd> {
  for await (const result of measureEndToEnd([patients], { seconds: Number(values.seconds), warmUpSeconds }))
    return result
  throw new Error('nothing was measured')
}

async function measureOther(patients: number, program: string, script: readonly string[]): Promise<EndToEnd> {
  const outside = fork(new URL('../virtual-patients.js', import.meta.url), [String(patients)])
  const [message] = await once(outside, 'message')
  const { devices, port } = message as { devices: string[]; port: number }
  const args = [...script, SHIPPED_BUNDLE, port, warmUpSeconds, values.seconds, ...devices].map(String)
  const { stdout } = await promisify(execFile)(program, args)
  outside.disconnect()
  return JSON.parse(stdout) as EndToEnd
}
