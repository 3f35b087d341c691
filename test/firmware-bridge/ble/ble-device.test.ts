import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Millis, Seconds } from '../../../ecg/units.js'
import { playCapture } from '../../../firmware-bridge/emulator/played-capture.js'
import { listenTcp } from '../../../firmware-bridge/emulator/tcp-listener.js'
import { readCapture } from '../../../firmware-bridge/recording/read-capture.js'
import { monotonicNow } from '../../../firmware-bridge/transport/monotonic-now.js'
import type { EcgWindow } from '../../../gateway/window/ecg-window.js'
import { WindowAssembler } from '../../../gateway/window/window-assembler.js'
import { bundleInput } from '../../gateway/window/bundle-input.js'
import { until } from '../listen.js'
import { recordDevice } from '../record-device.js'
import { ADDRESS, ADDRESS_2, exact, radioTest, start } from './radio-rig.js'

t.jobs = 2 // they wait most of the time

/** 8 × 24 bit at MTU 247. */
const SAMPLES_IN_A_NOTIFICATION = 8

radioTest(
  '8 channels of 24 bit at 500 Hz and MTU 247 stream without a loss',
  [{ address: ADDRESS }],
  async (t, radio) => {
    const opened = start(t, radio)
    await until(() => opened.listened.delivered.size >= 1500)
    t.equal((await radio.account(0)).block, SAMPLES_IN_A_NOTIFICATION)
    await opened.device.stop()
    const account = await radio.account(0)
    exact(t, opened, account)
    t.match(opened.device.counters, { missingSamples: 0, lostPackets: 0 })
    t.notOk(account.streaming, 'the device was told to stop')
  },
)

radioTest('windows say exactly what was lost', [{ address: ADDRESS, loss: 0.1, speed: 4 }], async (t, radio) => {
  const opened = start(t, radio)
  const windows: EcgWindow[] = []
  let assembler: WindowAssembler | undefined
  opened.listened.onBlock = block => {
    const { boot, rate, channels, lsb } = opened.listened.identities[0]!
    assembler ??= new WindowAssembler({
      boot,
      rate,
      channels: channels.map(name => ({ name, lsb, baseline: 0 })),
      input: bundleInput(),
      hop: Seconds(5),
      patience: Millis(250),
    })
    windows.push(...assembler.push(block), ...assembler.due(monotonicNow()))
  }
  await until(() => windows.length >= 2)
  await opened.device.stop()
  exact(t, opened, await radio.account(0))
  for (const { firstSample, samples, missing } of windows) {
    const there = [...opened.listened.delivered.keys()].filter(
      i => i >= firstSample && i < firstSample + samples,
    ).length
    t.equal(missing, samples - there)
    t.ok(missing > 0)
  }
})

radioTest(
  'three notifications in ten are lost, and the account is exact',
  [{ address: ADDRESS, loss: 0.3, speed: 4 }],
  async (t, radio) => {
    const opened = start(t, radio)
    await until(() => opened.listened.delivered.size >= 3000)
    await opened.device.stop()
    const account = await radio.account(0)
    exact(t, opened, account)
    t.ok(opened.device.counters.missingSamples > 600)
    t.ok(opened.device.counters.lostPackets > 60)
  },
)

radioTest('what was lost is asked for again', [{ address: ADDRESS, loss: 0.1, retain: 5000 }], async (t, radio) => {
  const { device, listened } = start(t, radio)
  await until(() => listened.delivered.size >= 1500)
  await device.stop()
  const { lost } = await radio.account(0)
  const told = [...listened.delivered.keys()].sort((a, b) => a - b)
  t.equal(device.counters.missingSamples, told.at(-1)! + 1 - told[0]! - told.length)
  t.ok(device.counters.resendRequests > 0)
  t.ok(
    device.counters.missingSamples < (lost * SAMPLES_IN_A_NOTIFICATION) / 2,
    `most of ${lost} lost notifications came back`,
  )
  t.ok([...listened.delivered.values()].every(times => times === 1))
  t.same(listened.wrong, [])
})

const PAIR = [
  { address: ADDRESS, name: 'bed-1' },
  { address: ADDRESS_2, name: 'bed-2', channels: 2, value_bytes: 2, advertised: false },
] as const

radioTest('two devices on one adapter, one by its address and one by its name', PAIR, async (t, radio) => {
  const both = [start(t, radio), start(t, radio, 'bed-2')]
  await until(() => both.every(({ listened }) => listened.delivered.size >= 1000))
  await Promise.all(both.map(({ device }) => device.stop()))
  t.same(
    both.map(({ listened }) => listened.identities[0]!.id),
    ['bed-1', 'bed-2'],
  )
  for (const [i, opened] of both.entries()) {
    exact(t, opened, await radio.account(i))
    t.equal(opened.device.counters.missingSamples, 0)
  }
})

radioTest('the first device heard that offers ECG Link, and how its radio is', PAIR, async (t, radio) => {
  const { device, listened } = start(t, radio, '*')
  t.equal(device.radio!(), undefined)
  await until(() => listened.state() === 'streaming' && device.radio!()?.rssi !== undefined)
  t.equal(listened.identities[0]!.id, 'bed-1')
  t.same(device.radio!(), { mtu: 247, rssi: -61 })
})

radioTest('a capture of the radio is played on a cable, bit for bit', [{ address: ADDRESS }], async (t, radio) => {
  const folder = t.testdirName // the radio's own, too
  const recorded = await recordDevice(`ble:${ADDRESS}?adapter=${radio.adapter}`, folder, 'a', 800)
  const { path } = recorded.capture
  const capture = await playCapture(await readCapture(path), 1, received => listenTcp('127.0.0.1', 0, received))
  t.teardown(() => capture.stop())
  const again = await recordDevice(capture.carrier.uri, folder, 'b', recorded.records[0]!.samples)
  t.match(again.records, [{ samples: recorded.records[0]!.samples, missing: 0 }])
  t.strictSame(await readFile(join(folder, 'b.dat')), await readFile(join(folder, 'a.dat')))
})
