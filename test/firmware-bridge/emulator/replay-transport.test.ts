import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Microseconds } from '../../../ecg/units.js'
import { createReplayTransport } from '../../../firmware-bridge/emulator/replay-transport.js'
import { CAPTURE_MAGIC, CaptureKind, encodeCaptureEntry } from '../../../firmware-bridge/recording/capture-format.js'

function capture(folder: string): string {
  const path = join(folder, 'short.ecgcap')
  const header = { uri: 'tcp:nowhere:1', driver: 'ecg-link', began: '2026-01-01T00:00:00Z' }
  const entry = (kind: number, payload: Uint8Array) => encodeCaptureEntry({ kind, at: Microseconds(0), payload })
  const entries = [
    entry(CaptureKind.Header, Buffer.from(JSON.stringify(header))),
    entry(CaptureKind.FromDevice, Uint8Array.of(1, 1, 0)),
  ]
  writeFileSync(path, Buffer.concat([CAPTURE_MAGIC, ...entries]))
  return path
}

t.test('what is closed while it is still being read plays nothing, and holds no program', async t => {
  for (const path of ['models/demo/demo', capture(t.testdir())]) {
    const transport = createReplayTransport(path, 'ecg-link')
    const timers = process.getActiveResourcesInfo().filter(resource => resource === 'Timeout').length
    let told = 0
    const tell = () => {
      told++
    }
    const opening = transport.open({ bytes: tell, closed: tell })
    await transport.close()
    await opening
    t.equal(process.getActiveResourcesInfo().filter(resource => resource === 'Timeout').length, timers, path)
    await sleep(50)
    t.equal(told, 0)
    await transport.open({ bytes: tell, closed: tell })
    await sleep(50)
    t.ok(told > 0, 'and can be opened again')
    await transport.close()
  }
})
