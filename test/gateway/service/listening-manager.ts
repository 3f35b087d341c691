import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../../../test/gateway/service/service_manager.py', import.meta.url))

/** A real datagram socket, held by another program, as systemd holds one. */
export interface ListeningManager {
  readonly heard: readonly string[]
  /** Resolves when a message that matches has come. */
  hears(pattern: RegExp, count?: number): Promise<void>
  stop(): void
}

export async function listenAt(path: string): Promise<ListeningManager> {
  const child = spawn('python3', [PROGRAM, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const heard: string[] = []
  createInterface(child.stdout).on('line', line => heard.push(JSON.parse(line)))
  const manager: ListeningManager = {
    heard,
    async hears(pattern, count = 1) {
      const deadline = Date.now() + 60_000
      while (heard.filter(text => pattern.test(text)).length < count) {
        if (Date.now() > deadline) throw new Error(`${pattern} was not heard: ${JSON.stringify(heard)}`)
        await sleep(20)
      }
    },
    stop: () => void child.kill(),
  }
  await manager.hears(/listening/)
  return manager
}
