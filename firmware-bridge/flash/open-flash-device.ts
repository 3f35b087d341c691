import { createBleEcgLinkCarrier } from '../ble/ecg-link-carrier.js'
import { DEFAULT_DRIVER, type DeviceUri, parseDeviceUri } from '../transport/device-uri.js'
import { createFramedCarrier } from '../transport/framed-carrier.js'
import { TransportError } from '../transport/transport-error.js'
import { transportFor } from '../transport/transport-for.js'
import { createFlashDevice, type FlashDevice } from './flash-device.js'
import { FlashError } from './flash-error.js'
import { createBleSmpCarrier } from './smp/ble-carrier.js'
import { createConsoleCarrier } from './smp/console-carrier.js'
import { createEcgLinkSmpCarrier, type EcgLinkSmpCarrier } from './smp/ecg-link-carrier.js'
import type { SmpCarrier } from './smp/smp-carrier.js'
import { createSmpClient } from './smp/smp-client.js'

/** `?driver=` of a device that speaks SMP and nothing else: a console, or the Bluetooth service. */
export const SMP_DRIVER = 'smp'

/** A device that speaks ECG Link says HELLO within this, ms. */
const HELLO_WITHIN = 1_500

/** What these bootloaders speak is well spoken by others, and by no maintained library for Node. */
const OTHERS: Readonly<Record<string, string>> = {
  esptool: 'the ESP32 boot ROM is not spoken here: use esptool (pip install esptool; esptool write-flash …)',
  stm32: 'the STM32 boot ROM (AN3155) is not spoken here: use stm32flash (apt-get install stm32flash; stm32flash -w …)',
}

/**
 * Opens the device that a URI names for flashing. Without `?driver=` it finds out whether it speaks ECG Link or bare SMP there.
 * `said`: what the device says to people on the same line. Rejects with a `TransportError` or a `FlashError`.
 */
export async function openFlashDevice(text: string, said?: (line: string) => void): Promise<FlashDevice> {
  const uri = parseDeviceUri(text)
  const other = OTHERS[uri.driver]
  if (other) throw new FlashError('flash-unsupported', other)
  const asked = /[?&]driver=/.test(text) ? uri.driver : undefined
  if (asked !== undefined && asked !== SMP_DRIVER && asked !== DEFAULT_DRIVER) {
    throw new FlashError(
      'flash-unsupported',
      `the driver ${asked} has no firmware update: there are ${SMP_DRIVER} and ${DEFAULT_DRIVER}`,
    )
  }

  if (asked !== SMP_DRIVER) {
    try {
      const device = await overEcgLink(text, uri, said)
      if (device) return device
    } catch (error) {
      const misfit = error instanceof TransportError && error.code === 'ble-service-missing'
      if (!misfit || asked === DEFAULT_DRIVER) throw error
    }
    if (asked === DEFAULT_DRIVER) {
      throw new FlashError(
        'smp-silent',
        `nobody at ${text} says HELLO: check cable, power and speed, or write ?driver=${SMP_DRIVER} for a device that speaks SMP only`,
      )
    }
  }
  return opened(text, bareCarrier(uri), said)
}

/** Undefined where nobody says HELLO. */
async function overEcgLink(
  text: string,
  uri: DeviceUri,
  said?: (line: string) => void,
): Promise<FlashDevice | undefined> {
  const link = createEcgLinkSmpCarrier(
    uri.carrier === 'ble' ? createBleEcgLinkCarrier(uri) : createFramedCarrier(transportFor(bytesOf(uri))),
  )
  const client = createSmpClient(link, said)
  await client.open()
  const hello = await link.hello(HELLO_WITHIN)
  if (!hello) {
    await client.close()
    return undefined
  }
  if (!hello.capabilities.includes('smp')) {
    await client.close()
    const bare = uri.carrier === 'ble' ? `, or ?driver=${SMP_DRIVER} if it has the Bluetooth SMP service` : ''
    throw new FlashError(
      'flash-unsupported',
      `${hello.id} has no firmware update over ECG Link (no "smp" in its HELLO): use its own bootloader${bare}`,
    )
  }
  return finish(text, client, link)
}

function bareCarrier(uri: DeviceUri): SmpCarrier {
  return uri.carrier === 'ble' ? createBleSmpCarrier(uri) : createConsoleCarrier(transportFor(bytesOf(uri)))
}

async function opened(text: string, carrier: SmpCarrier, said?: (line: string) => void): Promise<FlashDevice> {
  const client = createSmpClient(carrier, said)
  await client.open()
  return finish(text, client)
}

async function finish(
  text: string,
  client: ReturnType<typeof createSmpClient>,
  link?: EcgLinkSmpCarrier,
): Promise<FlashDevice> {
  try {
    return await createFlashDevice(text, client, link)
  } catch (error) {
    await client.close()
    throw error
  }
}

function bytesOf(uri: DeviceUri): Extract<DeviceUri, { carrier: 'serial' | 'tcp' }> {
  if (uri.carrier === 'serial' || uri.carrier === 'tcp') return uri
  throw new TransportError(
    'device-uri',
    `"${uri.text}" cannot be flashed: write serial:/dev/ttyACM0?baud=115200, tcp:HOST:PORT or ble:ADDRESS`,
  )
}
