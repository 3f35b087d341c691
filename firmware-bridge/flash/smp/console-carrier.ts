import type { Transport } from '../../transport/transport.js'
import { CONSOLE_OVERHEAD, createConsoleDecoder, encodeConsole, ONE_LINE_BYTES } from './console-frame.js'
import type { SmpCarrier } from './smp-carrier.js'

/** What remains of a line that somebody began to type, so that the first frame begins a line. */
const END_OF_LINE = Uint8Array.of(0x0a)

/** SMP on a console: MCUboot's serial recovery, Zephyr's UART and shell transports. */
export function createConsoleCarrier(transport: Transport): SmpCarrier {
  return {
    name: 'SMP on a console',
    async open(listener) {
      const decoder = createConsoleDecoder({
        message: message => listener.message(message),
        text: line => listener.text(line),
        badFrame: () => listener.text('(a damaged SMP frame)'),
      })
      await transport.open({
        bytes: bytes => decoder.push(bytes),
        closed: reason => listener.closed(reason),
      })
      transport.write(END_OF_LINE)
    },
    send: message => transport.write(encodeConsole(message)),
    close: () => transport.close(),
    limit: serverBuffer =>
      serverBuffer === undefined ? ONE_LINE_BYTES : Math.max(serverBuffer - CONSOLE_OVERHEAD, ONE_LINE_BYTES),
  }
}
