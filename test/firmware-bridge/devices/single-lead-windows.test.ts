import { readFileSync } from 'node:fs'
import t from 'tap'
import { vendorStreams } from '../../../bench/vendor-streams.js'
import { STANDARD_LEADS } from '../../../ecg/leads.js'
import { Microseconds, Millis, Seconds } from '../../../ecg/units.js'
import { noneCounted } from '../../../firmware-bridge/device-stream.js'
import { createDriverSession } from '../../../firmware-bridge/devices/driver-session.js'
import type { EcgWindow } from '../../../gateway/window/ecg-window.js'
import { WindowAssembler } from '../../../gateway/window/window-assembler.js'

/** Of the bundle that the project ships: it must take every vendor's rate. */
const { input } = JSON.parse(readFileSync('models/reference/manifest.json', 'utf8'))
const SECONDS = 25
/** Packets of this second are lost. */
const LOST_SECOND = 12

t.test('devices with one lead give windows whose other leads are absent, and that know what was lost', async t => {
  for (const vendor of vendorStreams().filter(({ name }) => name !== 'ads1298' && name !== 'cyton')) {
    const windows: EcgWindow[] = []
    let assembler: WindowAssembler | undefined
    const session = createDriverSession(
      vendor.driver,
      {
        identified({ boot, rate, channels, lsb }) {
          const named = channels.map(name => ({ name, lsb, baseline: 0 }))
          assembler = new WindowAssembler({
            boot,
            rate,
            channels: named,
            input,
            hop: Seconds(5),
            patience: Millis(250),
          })
        },
        samples: block => windows.push(...assembler!.push(block)),
        state: () => {},
        status: () => {},
        event: () => {},
        send: () => {},
        reopen: () => {},
        newBoot: () => 1,
      },
      noneCounted(),
    )
    const spacing = (vendor.perPacket * 1e6) / vendor.rate
    let now = Microseconds(1e9)
    session.opened('7', now)
    for (let n = 0; n * spacing < SECONDS * 1e6; n++) {
      now = Microseconds(now + spacing)
      if (Math.floor((n * spacing) / 1e6) !== LOST_SECOND)
        session.received(vendor.packet(n), now, vendor.characteristic)
      windows.push(...(assembler?.due(now) ?? []))
    }
    t.ok(windows.length >= 3, vendor.name)
    for (const { leadsAbsent, leadsOff, missing, firstSample, samples } of windows) {
      t.same(
        leadsAbsent,
        STANDARD_LEADS.filter(lead => lead !== 'I'),
      )
      t.same(leadsOff, [])
      const spansLoss =
        firstSample < LOST_SECOND * vendor.rate && firstSample + samples > (LOST_SECOND + 1) * vendor.rate
      if (spansLoss) t.ok(Math.abs(missing - vendor.rate) <= vendor.perPacket + 5, `${missing} of ${vendor.rate}`)
    }
  }
})
