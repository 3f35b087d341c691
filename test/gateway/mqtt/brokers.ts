import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { startEmbeddedBroker } from '../../../gateway/mqtt/embedded-broker.js'
import { tempFolder } from './temp-folder.js'

/** Real brokers on free ports, and a cable between them and the gateway that can be cut. */

export interface TestBroker {
  readonly url: URL
  readonly port: number
  /** Where it keeps what it persists; given to the next one, it goes on from there. */
  readonly folder: string
  stop(): Promise<void>
}

export interface BrokerKind {
  readonly name: string
  /** Why tests with it are skipped, or false. */
  readonly skip: string | false
  start(t: Test, options?: { port?: number; folder?: string; config?: string }): Promise<TestBroker>
}

const MOSQUITTO = findMosquitto()

export const mosquitto: BrokerKind = {
  name: 'mosquitto',
  skip: MOSQUITTO === null ? 'mosquitto is not installed' : false,
  async start(t, { port, folder = tempFolder(t), config = 'allow_anonymous true' } = {}) {
    const at = port ?? (await freePort())
    const file = join(folder, 'mosquitto.conf')
    writeFileSync(
      file,
      `user ${userInfo().username}\npersistence true\npersistence_location ${folder}/\nmax_queued_messages 0\nlistener ${at} 127.0.0.1\n${config}\n`,
    )
    const child = spawn(MOSQUITTO!, ['-c', file], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    while (!(await accepts(at))) {
      if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`)
      await delay(10)
    }
    const stop = async () => {
      child.kill('SIGTERM')
      await ended
    }
    t.teardown(stop)
    return { url: new URL(`mqtt://127.0.0.1:${at}`), port: at, folder, stop }
  },
}

export const aedes: BrokerKind = {
  name: 'aedes',
  skip: false,
  async start(t, { port = 0 } = {}) {
    const broker = await startEmbeddedBroker(port)
    let stopped: Promise<void> | null = null
    const stop = () => {
      stopped ??= broker.close()
      return stopped
    }
    t.teardown(stop)
    return { url: new URL(broker.url), port: broker.port, folder: '', stop }
  },
}

export const BROKERS = [aedes, mosquitto]

export interface Cable {
  readonly url: URL
  /** Both ends see the connection break, and none is made until `mend`. */
  cut(): void
  mend(): void
}

export async function cable(t: Test, broker: TestBroker): Promise<Cable> {
  const sockets = new Set<Socket>()
  let whole = true
  const server = createServer(near => {
    if (!whole) return void near.destroy()
    const far = connect(broker.port, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    whole = false
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(() => {
    cut()
    server.close()
  })
  return {
    url: new URL(`mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`),
    cut,
    mend() {
      whole = true
    },
  }
}

/** One that nothing listens on, a moment ago at least. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Debian keeps it in /usr/sbin, which is not on everybody's path. */
function findMosquitto(): string | null {
  for (const name of ['mosquitto', '/usr/sbin/mosquitto'])
    try {
      execFileSync(name, ['-h'], { stdio: 'ignore' })
      return name
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return name // any other exit code: it is there
    }
  return null
}
