// HCI packets as the adapter sends them (Bluetooth Core, Vol 4, Part E, 5.4.4 and 7.7): H4 type, event, length, parameters.
const EVENT = 0x04
const COMMAND_COMPLETE = 0x0e
const HARDWARE_ERROR = 0x10
const READ_RSSI = 0x1405
const OPCODE_AT = 4
const STATUS_AT = 6

/**
 * Looks at every HCI packet before noble does. Noble goes on with connections that a reset adapter has forgotten, and throws on
 * advertisements and values that end in the middle of a field, which anybody in reach may send: those are dropped here.
 */
export async function watchHci(failed: (reason: string) => void): Promise<void> {
  const { default: Hci } = await import('@stoprocent/noble/lib/hci-socket/hci.js' as string)
  const prototype: { onSocketData(data: Buffer): void } = Hci.prototype
  const { onSocketData } = prototype
  prototype.onSocketData = function (data) {
    const trouble = troubleIn(data)
    if (trouble) failed(trouble)
    try {
      onSocketData.call(this, data)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
}

/** The RSSI is asked for once a second, so that an adapter which knows the connection no more says so. */
function troubleIn(packet: Buffer): string | undefined {
  if (packet[0] !== EVENT) return undefined
  if (packet[1] === HARDWARE_ERROR) return 'the Bluetooth adapter reports a hardware error'
  if (packet[1] !== COMMAND_COMPLETE || packet.length <= STATUS_AT || packet.readUInt16LE(OPCODE_AT) !== READ_RSSI)
    return
  return packet[STATUS_AT] === 0 ? undefined : 'the Bluetooth adapter has lost its connections: it was reset'
}
