import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import mqtt from 'mqtt'
import { recordingSource } from '../../firmware-bridge/emulator/recording-source.js'
import { startDeviceOnPty } from '../../firmware-bridge/emulator/virtual-device.js'
import { readRecording } from '../../firmware-bridge/recording/read-recording.js'
import { SHIPPED_DEMO_RECORDING } from '../../models/shipped-assets.js'
import { loadConfig } from '../config/load-config.js'
import { startGateway } from '../gateway.js'
import type { AlertMessage, AssessmentMessage } from '../mqtt/messages.js'
import { createLog } from './create-log.js'
import { number } from './options.js'
import { packageVersion } from './package-version.js'
import { untilSignal } from './until-signal.js'

const MOST_PROBABLE = 3

/** `ecgclip demo`: the whole path on loopback, with nothing to install. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('a simulated patient on a virtual device, the gateway, and what an MQTT subscriber sees of it')
    .option('--port <number>', 'loopback port of the broker; 0 takes any free one', number(0, 65535), 0)
    .option('--page-port <number>', 'loopback port of the monitor page; 0 takes any free one', number(0, 65535), 0)
    .option('--json', 'every message as "topic payload"')
    .action(async ({ port, pagePort, json }: { port: number; pagePort: number; json?: boolean }) => {
      const { recording } = await readRecording(SHIPPED_DEMO_RECORDING)
      const device = await startDeviceOnPty({ source: recordingSource(recording, { loop: true }), id: 'demo-patient' })
      const data = await mkdtemp(join(tmpdir(), 'ecgclip-demo-'))
      const config = loadConfig(undefined, {
        id: 'demo',
        devices: [{ uri: device.carrier.uri }],
        broker: { url: 'embedded', embeddedPort: port },
        monitor: { port: pagePort },
        data,
      })
      const { log, release } = createLog('warn')
      try {
        const gateway = await startGateway({ config, version: packageVersion(), log })
        release()
        const { url } = gateway.messaging
        const subscriber = await mqtt.connectAsync(url.href)
        subscriber.on('message', (topic, payload) => {
          const line = json ? `${topic} ${payload}` : sentence(topic, payload.toString())
          if (line !== undefined) process.stdout.write(`${line}\n`)
        })
        await subscriber.subscribeAsync(`${config.broker.base}/#`, { qos: 1 })
        if (!json) process.stdout.write(introduction(device.carrier.path, url.host, gateway.monitor.url))
        await untilSignal()
        await subscriber.endAsync()
        await gateway.stop()
      } finally {
        await device.stop()
        await rm(data, { recursive: true, force: true })
      }
    })
}

function introduction(path: string, broker: string, page: URL | null): string {
  return [
    'Not a medical device. The patient is simulated: sinus rhythm, and atrial fibrillation from the 20th second.',
    `device  ${path} speaks ECG Link`,
    `page    ${page?.href ?? 'not served: that port is taken'}`,
    `broker  ${broker}: mosquitto_sub -p ${broker.split(':')[1]} -t 'ecg/#' -v shows every message whole`,
    '',
  ].join('\n')
}

/** The messages a person wants to follow, one line each; nothing for the others. */
function sentence(topic: string, payload: string): string | undefined {
  if (payload === '') return undefined
  const message: unknown = JSON.parse(payload)
  const kind = topic.split('/')[4]
  if (kind === 'assessment') return assessed(message as AssessmentMessage)
  if (kind === 'alert') return alerted(message as AlertMessage, topic)
  return undefined
}

function assessed({ window, quality, signal, tasks, latencyMs }: AssessmentMessage): string {
  const top = Object.entries(tasks)
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_PROBABLE)
    .map(([task, probability]) => `${task} ${probability.toFixed(2)}`)
  const seconds = `${signal.start.slice(11, 19)}–${signal.end.slice(11, 19)}`
  return `window  ${String(window).padStart(3)}  ${seconds}  ${quality.padEnd(8)}  ${top.join(', ').padEnd(42)} ${latencyMs.toFixed(0)} ms`
}

function alerted({ phase, priority, type, condition, evidence, seq }: AlertMessage, topic: string): string {
  const why =
    'probability' in evidence
      ? `probability ${evidence.probability.toFixed(2)}, threshold ${evidence.threshold.toFixed(2)}, ${evidence.windows} windows`
      : evidence.detail
  return `ALERT   ${phase.toUpperCase()} ${condition.display} (${type}/${priority}, seq ${seq}): ${why}\n        ${topic}`
}
