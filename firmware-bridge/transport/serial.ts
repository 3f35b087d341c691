import { readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SerialPort } from 'serialport'
import { monotonicNow } from './monotonic-now.js'
import { CLOSE_TIMEOUT, MAX_WRITE_QUEUE, type Transport, type TransportListener } from './transport.js'
import { TransportError } from './transport-error.js'

type Port = Awaited<ReturnType<typeof SerialPort.binding.open>>
type PolledPort = Extract<Port, { poller: unknown }>

/** serialport's `EVENTS.UV_READABLE`, which it does not export. */
const READABLE = 1
/** What a UART at 921600 baud brings in 180 ms; more is read at the next turn of the event loop. */
const READ_BUFFER_BYTES = 16 * 1024
/** Time for what was written before `close`, e.g. STOP, to leave the UART, ms. */
const LAST_WORDS = 100

/**
 * A serial port, USB CDC port or pseudo-terminal, 8N1, locked against a second user. Reads go past serialport's stream:
 * its loop takes the 0 bytes that a port without its cable returns for "nothing yet", and spins.
 */
export function createSerialTransport(path: string, baudRate: number): Transport {
  let port: Port | undefined
  let opens = 0
  let queued = 0
  let writes = Promise.resolve()
  /** Settles when no opening is under way. */
  let openings: Promise<unknown> = Promise.resolve()

  function open(listener: TransportListener): Promise<void> {
    const opening = openPort(listener)
    openings = Promise.all([openings, opening.catch(() => {})])
    return opening
  }

  async function openPort(listener: TransportListener): Promise<void> {
    const generation = ++opens
    const opened = await SerialPort.binding.open({ path, baudRate, lock: true }).catch(error => {
      throw openError(path, error)
    })
    if (generation !== opens) return shut(opened, true) // closed meanwhile
    port = opened
    queued = 0
    writes = Promise.resolve()
    const take = (bytes: Uint8Array) => {
      if (port === opened) listener.bytes(bytes, monotonicNow())
    }
    void readAll(opened, take).then(reason => {
      if (port !== opened) return
      port = undefined
      void shut(opened, true)
      listener.closed(reason)
    })
  }

  function write(bytes: Uint8Array) {
    const target = port
    if (!target || queued + bytes.length > MAX_WRITE_QUEUE) return
    queued += bytes.length
    writes = writes
      .then(() => target.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)))
      .catch(() => {}) // a port that fails to write fails to read, too, and that is where it is told
      .then(() => {
        queued -= bytes.length
      })
  }

  /** Also waits for an opening that is under way: whoever is told that it is closed may open it. */
  async function close() {
    opens++
    const closing = port
    if (!closing) return void (await Promise.race([openings, sleep(CLOSE_TIMEOUT, undefined, { ref: false })]))
    port = undefined
    const drained = writes
      .then(() => closing.drain())
      .then(
        () => true,
        () => false,
      )
    const left = await Promise.race([drained, sleep(LAST_WORDS, false, { ref: false })])
    await Promise.race([shut(closing, !left), sleep(CLOSE_TIMEOUT, undefined, { ref: false })])
  }

  return { open, write, close }
}

const HUNG_UP = 'the cable was unplugged or the device switched off'
const CLOSED = 'the port was closed'
const broke = ({ message }: Error) => `the cable was unplugged or the port broke (${message})`

/** Resolves with the reason why there is nothing more to read; rejects with what `take` throws. */
function readAll(port: Port, take: (bytes: Uint8Array) => void): Promise<string> {
  const buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES)
  return 'poller' in port ? readPolled(port, buffer, take) : readWindows(port, buffer, take)
}

/** With one listener for all packets of the port's life: there are dozens a second. */
function readPolled(port: PolledPort, buffer: Buffer, take: (bytes: Uint8Array) => void): Promise<string> {
  const { poller } = port
  let read: (error: Error | null) => void = () => {}
  const ended = new Promise<string>((resolve, reject) => {
    read = error => {
      if (error) return resolve(broke(error))
      if (port.fd === null) return resolve(CLOSED)
      try {
        const length = readNow(port.fd, buffer)
        if (length === 0) return resolve(HUNG_UP)
        if (length instanceof Error) return resolve(broke(length))
        if (length > 0) take(buffer.subarray(0, length))
        if (port.isOpen) poller.poll(READABLE)
        else resolve(CLOSED)
      } catch (defect) {
        reject(defect) // not thrown: it would go through the binding's C++
      }
    }
  })
  poller.on('readable', read)
  poller.poll(READABLE)
  return ended.finally(() => poller.off('readable', read))
}

/** Bytes read; 0 = hung up, −1 = not yet. It does not block, and the port has just said that it is readable. */
function readNow(fd: number, buffer: Buffer): number | Error {
  try {
    return readSync(fd, buffer)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? -1 : (error as Error)
  }
}

async function readWindows(port: Port, buffer: Buffer, take: (bytes: Uint8Array) => void): Promise<string> {
  while (port.isOpen) {
    const length = await port.read(buffer, 0, buffer.length).then(
      ({ bytesRead }) => bytesRead,
      (error: Error) => error,
    )
    if (length === 0) return HUNG_UP
    if (typeof length !== 'number') return broke(length)
    take(buffer.subarray(0, length))
  }
  return CLOSED
}

/** `discard`: what the kernel still holds, because closing would wait for it. */
async function shut(port: Port, discard: boolean) {
  if (discard) await port.flush().catch(() => {})
  await port.close().catch(() => {})
}

/** serialport reports system errors by `strerror` texts only. */
function openError(path: string, cause: Error): TransportError {
  const { message } = cause
  if (/no such file|no such device|file not found/i.test(message)) {
    return new TransportError('port-missing', `there is no port ${path}: plug the device in or correct the name`, cause)
  }
  if (/permission denied|access denied/i.test(message)) {
    const advice = `add this user to the group that owns it (ls -l ${path}; usually: sudo usermod -aG dialout $USER, then log in again)`
    return new TransportError('port-permission', `this user may not open ${path}: ${advice}`, cause)
  }
  if (/cannot lock|resource busy|temporarily unavailable/i.test(message)) {
    return new TransportError('port-busy', `another program uses ${path}: stop it (fuser ${path} tells which)`, cause)
  }
  if (/inappropriate ioctl|is a directory/i.test(message)) {
    return new TransportError('port-not-serial', `${path} is not a serial port: correct the name`, cause)
  }
  return new TransportError('carrier-failed', `${path} cannot be opened (${message})`, cause)
}
