import t, { type Test } from 'tap'
import { INDEPENDENT_LEADS } from '../../ecg/leads.js'
import { Hertz, Microseconds, Millivolts, Seconds, UnixMillis } from '../../ecg/units.js'
import {
  type DeviceIdentity,
  type DeviceListener,
  type DeviceStream,
  noneCounted,
} from '../../firmware-bridge/device-stream.js'
import { createDevicePipelines } from '../../gateway/device-pipelines.js'
import type { InferenceEngine } from '../../gateway/inference/inference-engine.js'
import { bundleInput } from './window/bundle-input.js'

/** Devices that change places: who is where, and what is told of each. */

const identity = (id: string, boot = 1): DeviceIdentity => ({
  id,
  model: 'm',
  firmware: '1.0.0',
  boot,
  rate: Hertz(500),
  lsb: Millivolts(0.001),
  channels: INDEPENDENT_LEADS,
  retain: 0,
  capabilities: [],
})

/** Two places, `left` and `right`, that the test speaks for. `holding`: what is wrong with each device, last word first. */
async function ward(t: Test) {
  const listeners: DeviceListener[] = []
  const counters = { left: noneCounted(), right: noneCounted() }
  const place = (uri: keyof typeof counters): DeviceStream => ({
    uri,
    counters: counters[uri],
    timeOf: () => undefined,
    start: listener => void listeners.push(listener),
    firstOpen: Promise.resolve(),
    release: async () => {},
    retake() {},
    stop: async () => {},
  })
  const engine = { fallback: null, depth: 0, close: async () => {} } as unknown as InferenceEngine
  const conditions = new Map<string, string>()
  const states = new Map<string, string>()
  const missing = new Map<string, number>()
  let now = 0
  const pipelines = createDevicePipelines([place('left'), place('right')], {
    model: { input: bundleInput(), taskIds: ['AFIB'], engine },
    hop: Seconds(5),
    log: { info() {}, warn() {}, error: (_, message) => t.comment(message) },
    monotonic: () => Microseconds(now),
    utc: () => UnixMillis(0),
    assessed() {},
    condition(device, key, detail) {
      if (detail === null) conditions.delete(`${device} ${key}`)
      else conditions.set(`${device} ${key}`, detail)
    },
    report(device, { state, counters }) {
      states.set(device, state)
      missing.set(device, counters.missingSamples)
    },
    identified() {},
    samples() {},
    gone: device => states.delete(device),
  })
  await pipelines.start()
  t.teardown(pipelines.stop)
  const streams = (listener: DeviceListener, who: DeviceIdentity) => {
    listener.state('connecting', 'opened')
    listener.identified(who)
    listener.state('connected', 'it said HELLO')
    listener.state('streaming', 'it streams')
  }
  return {
    left: listeners[0]!,
    right: listeners[1]!,
    streams,
    counters,
    /** Samples that were lost, by device. */
    missing,
    waitingFor: pipelines.waitingFor,
    /** What is told of each device when all are asked again, a while later. */
    told() {
      now += 10e6
      pipelines.report()
      return { states: Object.fromEntries(states), conditions: [...conditions.keys()].sort() }
    },
    /** Until the pipelines have looked at the time, so many minutes later. */
    ticked(minutes = 0) {
      now += minutes * 60e6
      return new Promise(resolve => setTimeout(resolve, 150))
    },
  }
}

t.test('a device that moves to another place is where it streams, whatever its old place says', async t => {
  const { left, right, streams, told, waitingFor } = await ward(t)
  streams(left, identity('a'))
  left.state('lost', 'the cable was pulled')
  t.same(told(), { states: { a: 'lost' }, conditions: ['a DEVICE_LOST'] })
  streams(right, identity('a'))
  left.state('lost', 'no such port')
  t.same(told(), { states: { a: 'streaming' }, conditions: [] })
  streams(left, identity('b'))
  t.same(told(), { states: { a: 'streaming', b: 'streaming' }, conditions: [] })
  t.same(waitingFor(), [])
})

t.test('two devices that change places are both listened to', async t => {
  const { left, right, streams, told, waitingFor } = await ward(t)
  streams(left, identity('a'))
  streams(right, identity('b'))
  left.state('lost', 'the cable was pulled')
  right.state('lost', 'the cable was pulled')
  streams(left, identity('b'))
  streams(right, identity('a'))
  t.same(told(), { states: { a: 'streaming', b: 'streaming' }, conditions: [] })
  t.same(waitingFor(), [])
})

t.test('a device that comes back to its old place, without a new boot, is listened to there again', async t => {
  const { left, right, streams, told, waitingFor } = await ward(t)
  streams(left, identity('a'))
  left.state('lost', 'the cable was pulled')
  streams(right, identity('a'))
  right.state('lost', 'the cable was pulled')
  left.state('connecting', 'opened')
  left.state('connected', 'it said HELLO')
  left.state('streaming', 'it streams')
  t.same(told(), { states: { a: 'streaming' }, conditions: [] })
  t.same(waitingFor(), ['right'])
})

t.test('the one of two with the same id that was not listened to takes over from one that is lost', async t => {
  const { left, right, streams, told, ticked } = await ward(t)
  streams(left, identity('a', 1))
  streams(right, identity('a', 2))
  left.state('lost', 'the cable was pulled')
  await ticked()
  t.same(told(), { states: { a: 'streaming' }, conditions: [] })
  right.state('lost', 'the cable was pulled')
  await ticked()
  t.same(told(), { states: { a: 'lost' }, conditions: ['a DEVICE_LOST'] })
})

t.test('a device in whose place another answers is told as lost for half an hour, and not for ever', async t => {
  const { left, right, streams, told, ticked } = await ward(t)
  streams(left, identity('a'))
  streams(left, identity('b'))
  await ticked(29)
  t.same(told().conditions, ['a DEVICE_LOST'])
  await ticked(2)
  t.same(told(), { states: { b: 'streaming' }, conditions: [] }, 'nor is it shown any longer')

  streams(left, identity('c'))
  streams(right, identity('b'))
  right.state('lost', 'the cable was pulled')
  await ticked(31)
  t.same(told().conditions, ['b DEVICE_LOST'], 'one whose place is its own is waited for')
})

t.test('a device that calls itself as the gateway is called in topics is not listened to', async t => {
  const { left, streams, told, waitingFor } = await ward(t)
  streams(left, identity('_gateway'))
  left.state('lost', 'the cable was pulled')
  t.same(told(), { states: {}, conditions: [] })
  t.same(waitingFor(), ['left', 'right'])
})

t.test('a silent device in whose place another answers is lost, and no longer stalled', async t => {
  const { left, streams, told } = await ward(t)
  streams(left, identity('a'))
  left.state('stalled', 'no samples for 2 s')
  left.identified(identity('b'))
  left.state('streaming', 'it streams')
  t.same(told(), { states: { a: 'lost', b: 'streaming' }, conditions: ['a DEVICE_LOST'] })
})

t.test('what one device lost is not told of the next one in its place', async t => {
  const { left, streams, told, counters, missing } = await ward(t)
  streams(left, identity('a'))
  counters.left.missingSamples = 700
  told()
  streams(left, identity('b'))
  counters.left.missingSamples += 5
  streams(left, identity('b', 2))
  told()
  t.same(Object.fromEntries(missing), { a: 700, b: 5 })
})
