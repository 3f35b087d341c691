import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { DeviceState } from '../firmware-bridge/device-stream.js'
import { openDevice } from '../firmware-bridge/devices/open-device.js'
import { recordingSource } from '../firmware-bridge/emulator/recording-source.js'
import { startDeviceOnPty, type VirtualDeviceOptions } from '../firmware-bridge/emulator/virtual-device.js'
import { readRecording } from '../firmware-bridge/recording/read-recording.js'
import { SHIPPED_DEMO_RECORDING } from '../models/shipped-assets.js'
import { processHoldings } from './process-holdings.js'

/**
 * Cables pulled and put back, on real pseudo-terminals and through the real serialport; each comes back as another terminal under
 * the same name. Prints what the process holds before and after; the exit code is 3 where something leaks or is slow to return.
 *
 *     node dist/bench/replug.js [--cycles 1000] [--ports 20] [--json]
 */

const CHECK_FAILED = 3
/** From the cable's return to the first sample, ms. */
const MOST_DELAY = 3_000
/** Cycles that do not count: RSS rises by 25 MiB meanwhile, the allocator's reserves, and then stays. */
const WARM_UP = 1_000
const MOST_GROWTH_MIB = 8
/** How often a state is looked at, ms. */
const LOOK = 5

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '1000' },
    ports: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})
const ports = Number(values.ports)
const rounds = Math.ceil(Number(values.cycles) / ports)

const folder = mkdtempSync(join(tmpdir(), 'ecgclip-replug-'))
const { recording } = await readRecording(SHIPPED_DEMO_RECORDING)
const source = recordingSource(recording, { loop: true })
const cables = await Promise.all(Array.from({ length: ports }, (_, port) => plugIn(port)))

await all(Math.ceil(WARM_UP / ports))
const before = processHoldings()
const delays = (await all(rounds)).sort((a, b) => a - b)
const after = processHoldings()
const states = cables.map(({ state }) => state())
await Promise.all(cables.map(cable => cable.end()))
rmSync(folder, { recursive: true })

const result = {
  cycles: delays.length,
  medianMs: delays[Math.floor(delays.length / 2)]!,
  worstMs: delays.at(-1)!,
  descriptors: { before: before.descriptors, after: after.descriptors },
  rssMiB: { before: before.rssMiB, after: after.rssMiB },
  heapMiB: { before: before.heapMiB, after: after.heapMiB },
}
const faults = [
  ...(after.descriptors > before.descriptors
    ? [`${after.descriptors - before.descriptors} descriptors were left open`]
    : []),
  ...(after.rssMiB - before.rssMiB > MOST_GROWTH_MIB
    ? [`memory grew by ${(after.rssMiB - before.rssMiB).toFixed(1)} MiB`]
    : []),
  ...(result.worstMs > MOST_DELAY ? [`a cable took ${result.worstMs.toFixed(0)} ms to stream again`] : []),
  ...(states.some(state => state !== 'streaming') ? ['a device does not stream'] : []),
]
if (values.json) console.log(JSON.stringify({ ...result, faults }))
else {
  const { descriptors, rssMiB, heapMiB, ...delay } = result
  console.table({ 'open descriptors': descriptors, 'RSS, MiB': rssMiB, 'heap, MiB': heapMiB })
  console.log(
    `${delay.cycles} cycles; streaming again after ${delay.medianMs.toFixed(0)} ms, at most ${delay.worstMs.toFixed(0)} ms`,
  )
  for (const fault of faults) console.error(fault)
}
if (faults.length > 0) process.exitCode = CHECK_FAILED

async function all(times: number): Promise<number[]> {
  const delays: number[] = []
  await Promise.all(
    cables.map(async cable => {
      for (let i = 0; i < times; i++) delays.push(await cable.replug())
    }),
  )
  return delays
}

async function plugIn(port: number) {
  const name = join(folder, `port${port}`)
  const options: VirtualDeviceOptions = { source, id: `device-${port}` }
  let boot = 1
  let device = await startDeviceOnPty({ ...options, boot })
  let state: DeviceState = 'connecting'
  symlinkSync(device.carrier.path, name)
  const stream = openDevice(`serial:${name}`)
  stream.start({
    identified() {},
    samples() {},
    state(next) {
      state = next
    },
    status() {},
    event() {},
  })

  async function until(wanted: DeviceState) {
    while (state !== wanted) await sleep(LOOK)
  }
  await until('streaming')

  return {
    state: () => state,
    /** Answers how long it took to stream again, ms. */
    async replug(): Promise<number> {
      await device.stop()
      await until('lost')
      device = await startDeviceOnPty({ ...options, boot: ++boot })
      symlinkSync(device.carrier.path, `${name}.new`)
      renameSync(`${name}.new`, name)
      const back = performance.now()
      await until('streaming')
      return performance.now() - back
    },
    async end() {
      await stream.stop()
      await device.stop()
    },
  }
}
