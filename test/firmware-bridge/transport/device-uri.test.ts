import t from 'tap'
import { parseDeviceUri } from '../../../firmware-bridge/transport/device-uri.js'
import { TransportError } from '../../../firmware-bridge/transport/transport-error.js'

t.test('every form that the command line documents', async t => {
  const forms: [string, object][] = [
    ['serial:/dev/ttyACM0?baud=115200', { carrier: 'serial', path: '/dev/ttyACM0', baud: 115_200, driver: 'ecg-link' }],
    ['serial:/dev/ttyACM0', { carrier: 'serial', baud: 921_600 }],
    ['serial:COM3', { carrier: 'serial', path: 'COM3' }],
    ['serial:/dev/ttyUSB0?driver=cyton&baud=57600', { driver: 'cyton', baud: 57_600 }],
    ['tcp:10.0.0.7:5000', { carrier: 'tcp', host: '10.0.0.7', port: 5000 }],
    ['tcp:[::1]:5000', { carrier: 'tcp', host: '::1', port: 5000 }],
    ['tcp:front-end.local:80?driver=healthypi', { host: 'front-end.local', driver: 'healthypi' }],
    ['ble:C0:FF:EE:00:11:22', { carrier: 'ble', address: 'C0:FF:EE:00:11:22' }],
    ['replay:records/100', { carrier: 'replay', record: 'records/100' }],
  ]
  for (const [text, expected] of forms) t.match(parseDeviceUri(text), { text, ...expected }, text)
})

t.test('anything else is refused with a sentence that shows how', async t => {
  const wrong: [string, RegExp][] = [
    ['', /serial:/],
    ['/dev/ttyACM0', /serial:/],
    ['serial:', /serial:/],
    ['serial:?baud=9600', /serial:/],
    ['usb:1', /"usb:" is not a carrier/],
    ['serial:/dev/x?baud=fast', /baud must be/],
    ['serial:/dev/x?baud=0', /baud must be/],
    ['serial:/dev/x?bauds=9600', /"bauds" is not an option/],
    ['tcp:host', /tcp:HOST:PORT/],
    ['tcp:host:0', /tcp:HOST:PORT/],
    ['tcp:host:70000', /tcp:HOST:PORT/],
    ['tcp:::1:5000', /\[ \]/],
    ['tcp:host:80?baud=9600', /"baud" is not an option/],
    ['ble:x?driver=', /ble:ADDRESS/],
  ]
  for (const [text, message] of wrong) {
    t.throws(() => parseDeviceUri(text), { code: 'device-uri', exitCode: 2, message }, text || 'nothing')
    t.throws(() => parseDeviceUri(text), TransportError)
  }
})
