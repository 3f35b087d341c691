import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { DeviceState } from '../firmware-bridge/device-stream.js'
import { openDevice } from '../firmware-bridge/devices/open-device.js'
import { NO_RADIO, openVirtualRadio } from '../test/firmware-bridge/ble/virtual-radio.js'
import { processHoldings } from './process-holdings.js'

/**
 * Radio links lost and found, through noble and a virtual controller; needs a checkout with .venv (node test/run.mjs python).
 * Prints what the process holds before and after; the exit code is 3 where something leaks or
 * is slow to return.
 *
 *     node dist/bench/radio-replug.js [--cycles 1000] [--devices 4] [--json]
 */

const CHECK_FAILED = 3
/** From the device's return to streaming, ms. */
const MOST_DELAY = 3_000
/** Of the cycles, those that do not count: the allocator's reserves rise meanwhile. */
const WARM_UP = 0.2
const MOST_GROWTH_MIB = 8
const LOOK = 5

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '1000' },
    devices: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
})
if (NO_RADIO) {
  console.error(NO_RADIO)
  process.exit(CHECK_FAILED)
}

const folder = mkdtempSync(join(tmpdir(), 'ecgclip-radio-'))
const count = Number(values.devices)
const addresses = Array.from({ length: count }, (_, i) => `C0:FF:EE:00:00:${String(i + 1).padStart(2, '0')}`)
// Slow devices: what is measured is the coming and going.
const radio = await openVirtualRadio(
  folder,
  addresses.map((address, i) => ({ address, name: `bed-${i + 1}`, rate: 125, channels: 2 })),
)
const devices = addresses.map(address => {
  let state: DeviceState = 'connecting'
  const reasons: string[] = []
  const stream = openDevice(`ble:${address}?adapter=${radio.adapter}`)
  stream.start({
    identified() {},
    samples() {},
    state(next, reason) {
      state = next
      reasons.push(reason)
    },
    status() {},
    event() {},
  })
  const until = async (wanted: DeviceState) => {
    while (state !== wanted) await sleep(LOOK)
  }
  /** What was said since it was last asked. */
  const said = () => reasons.splice(0)
  return { stream, until, said }
})
for (const { until } of devices) await until('streaming')

const rounds = Math.ceil(Number(values.cycles) / count)
/** Why those took so long that did. */
const slow: string[] = []
await all(Math.ceil(WARM_UP * rounds))
const before = processHoldings()
slow.length = 0
const delays = (await all(rounds)).sort((a, b) => a - b)
const after = processHoldings()
const { stream } = devices[0]!
await Promise.all(devices.map(device => device.stream.stop()))
await radio.close()
rmSync(folder, { recursive: true })

const result = {
  cycles: delays.length,
  reopens: stream.counters.reopens,
  medianMs: delays[Math.floor(delays.length / 2)]!,
  worstMs: delays.at(-1)!,
  before,
  after,
}
const faults = [
  ...(after.descriptors > before.descriptors
    ? [`${after.descriptors - before.descriptors} descriptors left open`]
    : []),
  ...(after.rssMiB - before.rssMiB > MOST_GROWTH_MIB ? ['the memory of the gateway grew'] : []),
  ...slow,
]
if (values.json) console.log(JSON.stringify({ ...result, faults }))
else {
  console.table({ before, after })
  console.log(
    `${result.cycles} links lost; streaming again after ${result.medianMs.toFixed(0)} ms, at most ${result.worstMs.toFixed(0)} ms`,
  )
  for (const fault of faults) console.error(fault)
}
process.exit(faults.length > 0 ? CHECK_FAILED : 0)

async function all(times: number): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < times; i++) {
    for (const device of devices.keys()) await radio.do('leave', device)
    for (const { until } of devices) await until('lost')
    const waits = await Promise.all(
      devices.map(async ({ until, said }, device) => {
        await radio.do('come_back', device)
        const back = performance.now()
        said()
        await until('streaming')
        const delay = performance.now() - back
        if (delay > MOST_DELAY) slow.push(`streaming again after ${delay.toFixed(0)} ms: ${said().join('; ')}`)
        return delay
      }),
    )
    found.push(...waits)
  }
  return found
}
