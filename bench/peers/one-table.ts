import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { formatTable } from '../../gateway/cli/format-table.js'
import { makeBoard, posixBoard } from '../../test/firmware-bridge/firmware/board-host.js'
import { makeFlash, makeImage, NO_IMGTOOL } from '../../test/firmware-bridge/flash/image-maker.js'
import { type EndToEnd, measureEndToEnd } from '../end-to-end.js'
import type { UploadRow } from '../flash-upload.js'
import type { InferenceRow } from '../inference.js'

/**
 * `make bench`: everything that is promised to be quick or small, in one table, each with what one would use instead beside it, run
 * at the same time or in turns with it. A peer that cannot be run here is left out with the reason.
 *
 *     node dist/bench/peers/one-table.js [--patients 8] [--seconds 30] [--python .venv/bin/python]
 */

interface Line {
  readonly what: string
  readonly ours: string
  readonly peer: string
  readonly peerIs: string
}

const { values } = parseArgs({
  options: {
    patients: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '30' },
    python: { type: 'string', default: '.venv/bin/python' },
  },
})
const NO_PEER = { peer: '', peerIs: '' }

const lines: Line[] = []
for (const measure of [flash, startUp, ingest, inference, endToEnd]) {
  process.stderr.write(`${measure.name} …\n`)
  lines.push(...(await measure()))
}
const head = ['', 'ecgclip', 'peer', 'which is']
process.stdout.write(
  formatTable(
    head,
    lines.map(({ what, ours, peer, peerIs }) => [what, ours, peer, peerIs]),
  ),
)

/** Standard output of another benchmark, or of a program that it needs. */
async function run(script: string, ...args: string[]): Promise<string> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return (await promisify(execFile)(process.execPath, [path, ...args])).stdout
}

async function ingest(): Promise<Line[]> {
  const { cpuPercentPerDevice, lostSamples } = JSON.parse(
    await run('../ingest.js', '--devices', values.patients, '--seconds', values.seconds, '--json'),
  ) as { cpuPercentPerDevice: number; lostSamples: number }
  return [
    { what: 'ingest: % of a core a device', ours: cpuPercentPerDevice.toFixed(2), ...NO_PEER },
    { what: 'ingest: lost samples', ours: `${lostSamples}`, ...NO_PEER },
  ]
}

async function inference(): Promise<Line[]> {
  const rows = JSON.parse(await run('../inference.js', '--threads', '1', '--json')) as InferenceRow[]
  return rows.map(({ variant, engine, bare }) => ({
    what: `inference: ${variant}, ms a window`,
    ours: engine.wall.toFixed(2),
    peer: bare.wall.toFixed(2),
    peerIs: 'bare onnxruntime-node loop',
  }))
}

async function endToEnd(): Promise<Line[]> {
  const { patients, seconds, python } = values
  const canPeer = spawnSync(python, ['-c', 'import numpy, onnxruntime, paho.mqtt, serial']).status === 0
  const [ours, peer] = canPeer ? await sideBySide() : [await alone(), undefined]
  const line = (what: string, of: (row: EndToEnd) => number): Line => ({
    what,
    ours: of(ours).toFixed(1),
    peer: peer ? of(peer).toFixed(1) : '',
    peerIs: peer ? 'peer.py: pyserial, NumPy, ONNX Runtime, Paho' : `peer.py lacks its packages in ${python}`,
  })
  return [
    line('end to end: median ms from last byte to PUBACK', row => row.medianMs),
    line('end to end: p99 ms', row => row.p99Ms),
    line('end to end: % of a core a patient', row => row.cpuPercentPerPatient),
    line(`memory: MiB with ${patients} patients`, row => row.rssMiB),
  ]

  async function sideBySide() {
    const args = ['--patients', patients, '--seconds', seconds, '--python', python, '--json']
    return JSON.parse(await run('side-by-side.js', ...args)) as [EndToEnd, EndToEnd]
  }

  async function alone(): Promise<EndToEnd> {
    for await (const row of measureEndToEnd([Number(patients)], { seconds: Number(seconds) })) return row
    throw new Error('nothing was measured')
  }
}

/** From the start of the program until it takes devices: bundle verified, goldens passed, broker up. */
async function startUp(): Promise<Line[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ecgclip-bench-'))
  const main = fileURLToPath(new URL('../../gateway/cli/main.js', import.meta.url))
  const device = `replay:${fileURLToPath(new URL('../../../models/demo/demo', import.meta.url))}`
  const began = performance.now()
  const gateway = spawn(process.execPath, [main, 'run', '--id', 'bench', '--data', folder, '--device', device])
  const ended = once(gateway, 'exit')
  try {
    for await (const text of createInterface(gateway.stderr))
      if (text.includes('gateway started'))
        return [{ what: 'start-up: ms, first start', ours: (performance.now() - began).toFixed(0), ...NO_PEER }]
    throw new Error('the gateway did not start')
  } finally {
    gateway.kill()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Onto the C library, a program with its flash in a file. */
async function flash(): Promise<Line[]> {
  const what = 'flash: bytes/s over a pseudo-terminal'
  const reason = NO_IMGTOOL || makeBoard('posix', ['cc'])
  if (reason) return [{ what, ours: '', peer: '', peerIs: reason }]
  const folder = mkdtempSync(join(tmpdir(), 'ecgclip-bench-'))
  const flash = makeFlash(folder, { version: '1.0.0' })
  const board = spawn(posixBoard, ['--console', '--flash', flash], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const { value: port } = await createInterface(board.stdout)[Symbol.asyncIterator]().next()
    const { path } = makeImage(folder, { version: '1.0.1', bytes: 100_000 })
    const args = [`${port}?driver=smp`, path, '--times', '3', '--python', values.python, '--json']
    const { several, oneAtATime, smpclient } = JSON.parse(await run('../flash-upload.js', ...args)) as UploadRow
    const ours = several.toFixed(0)
    const line = (peer: number | null, peerIs: string): Line => ({ what, ours, peer: peer?.toFixed(0) ?? '', peerIs })
    return [
      line(oneAtATime, 'the same client, one part at a time'),
      line(smpclient, smpclient === null ? `smpclient is not installed in ${values.python}` : 'smpclient'),
    ]
  } finally {
    board.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}
