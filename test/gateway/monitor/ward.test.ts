import t from 'tap'
import { Hertz, Millivolts } from '../../../ecg/units.js'
import type { DeviceIdentity } from '../../../firmware-bridge/device-stream.js'
import { MOST_PATIENTS, Ward } from '../../../gateway/monitor/ward.js'

const identity = (id: string, boot = 1): DeviceIdentity => ({
  id,
  model: 'm',
  firmware: '1.0.0',
  boot,
  rate: Hertz(500),
  lsb: Millivolts(0.001),
  channels: ['II', 'V5'],
  retain: 0,
  capabilities: [],
})
const sink = () => ({ frame() {} })

t.test('who looked at a device goes on looking after its reboot', async t => {
  const ward = new Ward()
  const before = ward.identified(identity('a'))
  const [wall, one] = [sink(), sink()]
  before.wallLead.sinks.add(wall)
  before.allLeads.sinks.add(one)
  const after = ward.identified(identity('a', 2))
  t.ok(after.wallLead.sinks.has(wall))
  t.ok(after.allLeads.sinks.has(one))
  t.not(
    after.message.patient,
    before.message.patient,
    'frames of the old boot cannot be taken for those of the new one',
  )
})

t.test('a device that keeps changing its id does not fill the memory', async t => {
  const ward = new Ward()
  const gone: (string | undefined)[] = []
  for (let i = 0; i < MOST_PATIENTS + 3; i++) {
    ward.identified(identity(`device-${i}`))
    gone.push(ward.crowdedOut())
  }
  t.same(gone.slice(-4), [undefined, 'device-0', 'device-1', 'device-2'])
  t.equal([...ward.patients].length, MOST_PATIENTS)
})
