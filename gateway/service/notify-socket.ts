import { Millis } from '../../ecg/units.js'

/**
 * systemd's notification protocol (sd_notify(3)): datagrams of KEY=VALUE lines to the socket named in NOTIFY_SOCKET. Node has no
 * Unix datagram sockets, so libc's are called through koffi, which is loaded only where a service manager listens.
 */
export interface ServiceManager {
  /** How often `alive` has to be called at most, half of WatchdogSec; null when no watchdog is wanted. */
  readonly watchdogEvery: Millis | null
  ready(): void
  reloading(monotonicMicroseconds: number): void
  /** The one line that `systemctl status` shows. */
  status(line: string): void
  alive(): void
  stopping(): void
}

/** Somebody started the program by hand. */
const NOBODY: ServiceManager = {
  watchdogEvery: null,
  ready() {},
  reloading() {},
  status() {},
  alive() {},
  stopping() {},
}

type Environment = Readonly<Record<string, string | undefined>>

/** Never throws: a gateway that cannot tell its state still runs. */
export async function connectServiceManager(environment: Environment = process.env): Promise<ServiceManager> {
  const { NOTIFY_SOCKET: path } = environment
  if (path === undefined || process.platform !== 'linux') return NOBODY
  const send = await datagramSender(path).catch(() => null)
  if (send === null) return NOBODY
  return {
    watchdogEvery: watchdogPeriod(environment),
    ready: () => send('READY=1'),
    reloading: now => send(`RELOADING=1\nMONOTONIC_USEC=${Math.round(now)}`),
    status: line => send(`STATUS=${line.replaceAll('\n', ' ')}`),
    alive: () => send('WATCHDOG=1'),
    stopping: () => send('STOPPING=1'),
  }
}

/** Half of what the unit allows (sd_watchdog_enabled(3)). */
function watchdogPeriod({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): Millis | null {
  const microseconds = Number(WATCHDOG_USEC)
  const forUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  return forUs && microseconds > 0 ? Millis(microseconds / 2000) : null
}

/** From <sys/socket.h> and <sys/un.h> of Linux. */
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const LONGEST_PATH = 107

/** A message that the socket has no room for is lost: the next one says it again. */
async function datagramSender(path: string): Promise<(text: string) => void> {
  const { default: koffi } = await import('koffi')
  const libc = koffi.load('libc.so.6')
  const socket = libc.func('int socket(int domain, int type, int protocol)')
  const sendto = libc.func(
    'intptr_t sendto(int fd, const uint8_t *buffer, size_t length, int flags, const uint8_t *address, uint32_t size)',
  )
  const address = socketAddress(path)
  const descriptor: number = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (descriptor < 0) throw new Error('no socket could be made')
  return text => {
    const bytes = Buffer.from(text)
    sendto(descriptor, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length)
  }
}

/** struct sockaddr_un; "@" at the start stands for the zero byte of the abstract namespace. */
function socketAddress(path: string): Buffer {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  if (name.length > LONGEST_PATH + 1) throw new Error('the path of NOTIFY_SOCKET is too long')
  const family = Buffer.alloc(2)
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = AF_UNIX // in the byte order of the host
  return Buffer.concat([family, name])
}
