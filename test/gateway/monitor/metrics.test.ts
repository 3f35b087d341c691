import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { recordingSource } from '../../../firmware-bridge/emulator/recording-source.js'
import { startDeviceOnPty } from '../../../firmware-bridge/emulator/virtual-device.js'
import { readRecording } from '../../../firmware-bridge/recording/read-recording.js'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { startGateway } from '../../../gateway/gateway.js'
import { SHIPPED_DEMO_RECORDING } from '../../../models/shipped-assets.js'

/** A whole gateway with a device on a pseudo-terminal, asked as Prometheus asks. */
t.test('a scrape tells of windows, devices, outbox, broker and process', async t => {
  const { recording } = await readRecording(SHIPPED_DEMO_RECORDING)
  const device = await startDeviceOnPty({ source: recordingSource(recording, { loop: true }), id: 'bed "7"' })
  const data = mkdtempSync(join(tmpdir(), 'ecgclip-metrics-'))
  const gateway = await startGateway({
    config: loadConfig(undefined, {
      id: 'ward',
      devices: [{ uri: device.carrier.uri }],
      broker: { url: 'embedded', embeddedPort: 0 },
      monitor: { port: 0 },
      data,
    }),
    version: '1.2.3',
    log: { info() {}, warn() {}, error() {} },
  })
  t.teardown(async () => {
    await gateway.stop()
    await device.stop()
    rmSync(data, { recursive: true })
  })
  const url = new URL('/metrics', gateway.monitor.url ?? 'http://nowhere')
  const scrape = async () => (await fetch(url)).text()

  let text = ''
  for (let tries = 0; tries < 60 && !/windows_total\{.*\} [1-9]/.test(text); tries++) {
    await sleep(500)
    text = await scrape()
  }
  const value = (name: string) => Number(new RegExp(`^${escaped(name)} (\\S+)$`, 'm').exec(text)?.[1])
  t.ok(value('ecgclip_windows_total{device="bed \\"7\\"",quality="good"}') >= 1, 'names are escaped as the format asks')
  t.ok(value('ecgclip_window_latency_seconds_count') >= 1)
  t.equal(value('ecgclip_device_state{device="bed \\"7\\"",state="streaming"}'), 1)
  t.equal(value('ecgclip_device_state{device="bed \\"7\\"",state="lost"}'), 0)
  t.ok(value('ecgclip_device_bytes{device="bed \\"7\\""}') > 1000)
  t.equal(value('ecgclip_broker_connected'), 1)
  t.equal(value('ecgclip_devices_stuck'), 0)
  t.equal(value('ecgclip_outbox_capacity_bytes'), 256 * 2 ** 20)
  t.ok([-1, 0, 1].includes(value('ecgclip_clock_synchronised')))
  t.match(text, /^ecgclip_info\{version="1\.2\.3",bundle=".+",bundle_version=".+",provider="cpu",precision=".+"\} 1$/m)
  t.ok(value('process_resident_memory_bytes') > 1e6)
  t.ok(value('process_open_fds') > 3)
  for (const line of text.split('\n'))
    if (line !== '' && !line.startsWith('#') && !/^[a-z_][a-z0-9_]*(\{.*\})? (-?[\d.e+-]+|NaN|[+-]Inf)$/i.test(line))
      t.fail(line)
  t.equal((await fetch(new URL('/healthz', url))).status, 200)
  t.equal((await fetch(new URL('/readyz', url))).status, 200)
})

const escaped = (text: string) => text.replaceAll(/[{}()\\[\]".]/g, '\\$&')
