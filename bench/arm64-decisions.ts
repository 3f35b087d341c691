import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import type { RecordAssessment } from '../gateway/offline-assessment.js'
import { loadBundle } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE, SHIPPED_DEMO_RECORDING } from '../models/shipped-assets.js'

/**
 * The CPU path on arm64, under qemu-user, beside this machine's own: both must pass the goldens, and decide alike on every window
 * of the records. `make arm64` (`arm64.sh`) fetches what it needs and calls it. Exit code 3 when a decision differs.
 *
 *     node dist/bench/arm64-decisions.js --node PATH-OF-AN-ARM64-NODE [--variants int8,fp32] [--hop 5] [RECORD ...]
 */

const MAIN = fileURLToPath(new URL('../gateway/cli/main.js', import.meta.url))
/** Of Debian's libc6-arm64-cross and libstdc++6-arm64-cross. */
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string' },
    variants: { type: 'string', default: 'int8' },
    hop: { type: 'string', default: '5' },
  },
})
if (values.node === undefined) throw new Error('name an arm64 Node with --node')
/** Without this machine's /sys, whose x86 caches make ONNX Runtime's detection of an Arm CPU crash. */
const emulated = [
  'bwrap',
  '--dev-bind',
  '/',
  '/',
  '--tmpfs',
  '/sys',
  'qemu-aarch64',
  '-L',
  ARM64_LIBRARIES,
  values.node,
]
/** Emulation is some 50 times slower, and this machine may be busy. */
process.env.ECGCLIP_SLOWNESS = '50'
const records = positionals.length > 0 ? positionals : [SHIPPED_DEMO_RECORDING]
const { tasks } = (await loadBundle(SHIPPED_BUNDLE)).manifest
const rows = []
let flips = 0
for (const variant of values.variants.split(',')) {
  const here = await assess([process.execPath], variant)
  const there = await assess(emulated, variant)
  if (there.length !== here.length) throw new Error(`${there.length} windows on arm64, ${here.length} here`)
  let [largest, differing, decisions] = [0, 0, 0]
  for (const [w, window] of here.entries())
    for (const { id, threshold } of tasks) {
      const [p, q] = [window.tasks[id], there[w]!.tasks[id]]
      if (p === undefined || q === undefined) continue
      largest = Math.max(largest, Math.abs(p - q))
      decisions++
      if (p >= threshold.value !== q >= threshold.value) differing++
    }
  flips += differing
  rows.push({ variant, windows: here.length, decisions, differing, 'largest difference': largest.toPrecision(2) })
}
console.table(rows)
if (flips > 0) process.exitCode = 3

async function assess([program, ...args]: string[], variant: string): Promise<RecordAssessment[]> {
  const options = ['assess', ...records, '--json', '--hop', values.hop, '--provider', 'cpu', '--variant', variant]
  const { stdout } = await promisify(execFile)(program!, [...args, MAIN, ...options], { maxBuffer: 2 ** 28 })
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as RecordAssessment)
}
