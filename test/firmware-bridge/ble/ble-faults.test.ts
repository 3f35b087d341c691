import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { monotonicNow } from '../../../firmware-bridge/transport/monotonic-now.js'
import { until } from '../listen.js'
import { ADDRESS, ADDRESS_2, exact, type Opened, radioTest, start } from './radio-rig.js'
import type { VirtualRadio } from './virtual-radio.js'

t.jobs = 2 // they wait most of the time

const DEVICE = [{ address: ADDRESS }] as const

async function streaming(opened: Opened, samples = 200): Promise<Opened> {
  const { listened } = opened
  const before = listened.delivered.size
  await until(() => listened.state() === 'streaming' && listened.delivered.size >= before + samples)
  return opened
}

const lost = ({ listened }: Opened, reason: RegExp) =>
  until(() => listened.states.some(told => told.state === 'lost' && reason.test(told.reason)))

/** A carrier has come back: streaming again within 3 s, which only a machine with a core to spare can be held to. */
async function streamsAgain(t: Test, { listened }: Opened) {
  const begun = monotonicNow()
  await until(() => listened.state() === 'streaming')
  const seconds = (monotonicNow() - begun) / 1e6
  const busy = loadavg()[0]! > availableParallelism() - 1
  t.ok(seconds < 3 || busy, `streaming again after ${seconds.toFixed(1)} s${busy ? ' on a busy machine' : ''}`)
}

radioTest('the device goes out of reach and comes back', DEVICE, async (t, radio) => {
  const opened = start(t, radio)
  for (let time = 0; time < 2; time++) {
    await streaming(opened)
    await radio.do('leave', 0)
    await until(() => opened.listened.state() === 'lost')
    t.match(opened.listened.states.at(-1)!.reason, /radio link was lost/)
    await radio.do('come_back', 0)
    await streamsAgain(t, opened)
  }
  await streaming(opened)
  await opened.device.stop()
  exact(t, opened, await radio.account(0))
  t.match(opened.device.counters, { reopens: 2, reboots: 0 })
})

radioTest('a device that goes out of reach while it is being opened is not waited for', DEVICE, async (t, radio) => {
  await radio.do('slip_away', 0)
  const opened = start(t, radio)
  await t.rejects(opened.device.firstOpen, { code: 'carrier-failed', message: /connected \(the radio link was lost/ })
  await radio.do('come_back', 0)
  await streaming(opened)
})

radioTest('the adapter is unplugged and plugged in again', DEVICE, async (t, radio) => {
  const opened = await streaming(start(t, radio))
  await radio.do('unplug')
  await lost(opened, /adapter was unplugged/)
  await lost(opened, /adapter on .* is not there: plug it in/)
  await radio.do('plug')
  await streamsAgain(t, opened)
})

radioTest('the adapter resets itself without a word', DEVICE, async (t, radio) => {
  const opened = await streaming(start(t, radio))
  await radio.do('reset')
  await lost(opened, /it was reset/)
  await streamsAgain(t, opened)
})

radioTest('the adapter hangs until it is plugged in again', DEVICE, async (t, radio) => {
  const opened = await streaming(start(t, radio))
  await radio.do('hang')
  await lost(opened, /does not answer: its connections are given up/)
  await lost(opened, /does not answer: unplug it and plug it in again/)
  await radio.do('unplug')
  await radio.do('plug')
  await streaming(opened)
})

radioTest(
  'an MTU below 64 is refused, and the device left alone',
  [{ address: ADDRESS, mtu: 40 }],
  async (t, radio) => {
    const opened = start(t, radio)
    await t.rejects(opened.device.firstOpen, { code: 'ble-mtu', message: /ATT MTU of 40, but 64 are needed/ })
    t.match(opened.listened.states, [{ state: 'lost', reason: /ATT MTU of 40/ }])
  },
)

radioTest(
  'a device that speaks something else is refused',
  [{ address: ADDRESS, service: '180d' }],
  async (t, radio) => {
    const { device } = start(t, radio)
    await t.rejects(device.firstOpen, { code: 'ble-service-missing', message: /no service 7e0c0001.*driver/ })
  },
)

radioTest(
  'a device that is not there, the same device twice, and a stranger with a damaged advertisement',
  DEVICE,
  async (t, radio) => {
    const opened = await streaming(start(t, radio))
    const [absent, twice] = [start(t, radio, ADDRESS_2), start(t, radio)]
    await t.rejects(twice.device.firstOpen, { code: 'ble-device-busy' })
    await radio.do('pass_by')
    await t.rejects(absent.device.firstOpen, { code: 'ble-device-missing', message: /was not heard/ })
    await opened.device.stop()
    exact(t, opened, await radio.account(0))
    t.match(opened.device.counters, { missingSamples: 0, reopens: 0 }, 'the one that is there lost nothing by it')
  },
)

const PAIR = [
  { address: ADDRESS, name: 'bed-1' },
  { address: ADDRESS_2, name: 'bed-2' },
] as const

radioTest('one device that cannot be connected does not disturb another', PAIR, async (t, radio) => {
  const opened = await streaming(start(t, radio))
  await radio.do('refuse_connections', true)
  const second = start(t, radio, ADDRESS_2)
  await t.rejects(second.device.firstOpen, {
    code: 'carrier-failed',
    message: /bed-2 .* was heard but cannot be connected/,
  })
  await radio.do('refuse_connections', false)
  await streaming(second)
  await opened.device.stop()
  exact(t, opened, await radio.account(0))
  t.match(opened.device.counters, { missingSamples: 0, reopens: 0 })
})

radioTest('stopped while it is being opened, a device is free for the next one', DEVICE, async (t, radio) => {
  for (const patience of [0, 100, 300, 500]) {
    const { device } = start(t, radio)
    await sleep(patience)
    await device.stop()
  }
  await streaming(start(t, radio))
})

radioTest('signals leave the Bluetooth program alone, and a killed one is begun again', DEVICE, async (t, radio) => {
  const opened = await streaming(start(t, radio))
  for (const signal of ['SIGINT', 'SIGTERM']) process.kill(bluetoothProgram(radio), signal)
  await streaming(opened)
  t.equal(opened.device.counters.reopens, 0)
  process.kill(bluetoothProgram(radio), 'SIGKILL')
  await lost(opened, /Bluetooth program ended \(SIGKILL\)/)
  await streaming(opened)
})

radioTest('a gateway that is killed leaves no device connected', DEVICE, async (t, radio) => {
  const uri = `ble:${ADDRESS}?adapter=${radio.adapter}`
  const gateway = spawn(process.execPath, [fileURLToPath(new URL('./fixtures/hold-device.js', import.meta.url)), uri])
  while (!(await radio.account(0)).streaming) await sleep(20)
  gateway.kill('SIGKILL')
  while ((await radio.account(0)).streaming) await sleep(20)
  await streaming(start(t, radio))
})

function bluetoothProgram({ adapter }: VirtualRadio): number {
  const path = adapter.slice('uart:'.length)
  const isOurs = (pid: string) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return command.includes('adapter-program') && command.includes(path)
    } catch {
      return false // gone meanwhile
    }
  }
  return Number(
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .filter(isOurs)
      .at(-1),
  )
}
