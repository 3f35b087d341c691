import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import koffi from 'koffi'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { monotonicNow } from '../transport/monotonic-now.js'
import { type DeviceCarrier, type HostBytes, MAX_QUEUE, READY_BELOW } from './device-carrier.js'

/** How often an absent host is looked for, ms. */
const LOOK_FOR_HOST = 20
/** The kernel takes no more for now: try again, ms. */
const WRITE_AGAIN = 2
const O_CLOEXEC = 0o2000000
/** At least sizeof(struct termios) on every libc. */
const TERMIOS_BYTES = 256
const PATH_BYTES = 64
/** What a host may have sent before it was noticed. */
const READ_BYTES = 4096

/**
 * The device's end of a pseudo-terminal: a serial port without hardware. The host may open and close the other end, `path`,
 * as often as it likes; while it is closed the kernel answers EIO here.
 */
export interface PseudoTerminal extends DeviceCarrier {
  /** What the host opens, e.g. `/dev/pts/4`. */
  readonly path: string
}

export function openPseudoTerminal(received: HostBytes): PseudoTerminal {
  const { master, path } = openMaster()
  let queue: Uint8Array[] = []
  let queued = 0
  let reader: ReadStream | undefined
  let writeTimer: NodeJS.Timeout | undefined
  const lookTimer = setInterval(() => {
    const first = reader ? undefined : readFirst(master)
    if (!first) return
    listen()
    if (first.length > 0) received(first, monotonicNow())
  }, LOOK_FOR_HOST)

  /** Reads as events until the host closes its end; on a copy of the descriptor, because the stream closes it then. */
  function listen() {
    const stream = new ReadStream(libc().dup(master))
    reader = stream
    stream.on('data', bytes => received(bytes, monotonicNow()))
    stream.on('error', () => {}) // EIO: the host is gone; 'close' follows
    stream.on('close', () => {
      reader = undefined
      queue = []
      queued = 0
    })
  }

  function write(bytes: Uint8Array) {
    if (!reader || queued + bytes.length > MAX_QUEUE) return
    queue.push(bytes)
    queued += bytes.length
    if (!writeTimer) flush()
  }

  function flush() {
    writeTimer = undefined
    while (queue.length > 0) {
      const bytes = queue[0]!
      const written = tryWrite(master, bytes)
      queued -= written
      if (written < bytes.length) {
        queue[0] = bytes.subarray(written)
        writeTimer = setTimeout(flush, WRITE_AGAIN)
        return
      }
      queue.shift()
    }
  }

  async function close() {
    clearInterval(lookTimer)
    clearTimeout(writeTimer)
    queue = []
    reader?.destroy()
    closeSync(master)
  }

  return {
    path,
    uri: `serial:${path}`,
    write,
    ready: () => queued < READY_BELOW,
    present: () => reader !== undefined,
    close,
  }
}

/** Bytes written; 0 where the kernel's buffer is full or the host has just gone. */
function tryWrite(master: number, bytes: Uint8Array): number {
  try {
    return writeSync(master, bytes)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EAGAIN' || code === 'EIO') return 0
    throw error
  }
}

/** What the host has sent so far, if there is one: while the other end is closed, reading fails otherwise than while it is quiet. */
function readFirst(master: number): Uint8Array | undefined {
  const bytes = Buffer.alloc(READ_BYTES)
  try {
    return bytes.subarray(0, readSync(master, bytes))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? bytes.subarray(0, 0) : undefined
  }
}

function openMaster(): { master: number; path: string } {
  const c = libc()
  const master: number = c.posix_openpt(constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK | O_CLOEXEC)
  if (master < 0) {
    throw new EcgclipError(
      'pseudo-terminal',
      'the system has no pseudo-terminal left: close some or raise kernel.pty.max',
    )
  }
  const name = Buffer.alloc(PATH_BYTES)
  const termios = Buffer.alloc(TERMIOS_BYTES)
  c.grantpt(master)
  c.unlockpt(master)
  c.ptsname_r(master, name, name.length)
  c.tcgetattr(master, termios)
  c.cfmakeraw(termios)
  c.tcsetattr(master, 0, termios)
  const path = name.toString('utf8', 0, name.indexOf(0))
  closeSync(openSync(path, constants.O_RDWR | constants.O_NOCTTY)) // until it was open once, a closed end looks like an idle one
  return { master, path }
}

let loaded: ReturnType<typeof load> | undefined

/** Loaded on first use, so that a program without a virtual device needs no FFI. */
function libc(): ReturnType<typeof load> {
  loaded ??= load()
  return loaded
}

function load() {
  const c = koffi.load(null)
  return {
    posix_openpt: c.func('int posix_openpt(int flags)'),
    grantpt: c.func('int grantpt(int fd)'),
    unlockpt: c.func('int unlockpt(int fd)'),
    ptsname_r: c.func('int ptsname_r(int fd, _Out_ uint8_t *name, size_t size)'),
    tcgetattr: c.func('int tcgetattr(int fd, _Out_ uint8_t *termios)'),
    cfmakeraw: c.func('void cfmakeraw(_Inout_ uint8_t *termios)'),
    tcsetattr: c.func('int tcsetattr(int fd, int when, uint8_t *termios)'),
    dup: c.func('int dup(int fd)'),
  }
}
