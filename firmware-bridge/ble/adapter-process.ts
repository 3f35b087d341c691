import { fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type FromAdapter, LIVE_EVERY, type ToAdapter } from './adapter-messages.js'
import type { AdapterName } from './adapter-name.js'

const PROGRAM = fileURLToPath(new URL('./adapter-program.js', import.meta.url))
/** A program that does not say that it lives hangs, ms. */
const SILENT_FOR = 10 * LIVE_EVERY
/** A program that is let go ends by itself within this, or is made to, ms. */
const LEAVE_WITHIN = 2_000
/** Of what a crash leaves on stderr, the end is kept, characters. */
const STDERR_TAIL = 200

export interface AdapterProcess {
  send(message: ToAdapter): void
  /** Whether this process waits for that one before it exits by itself. */
  holdUs(hold: boolean): void
  /** Lets it go, without a word to `ended`. */
  leave(): void
}

/** Begins the program that owns the adapter. `ended`: once, with a sentence that says why. */
export function beginAdapterProcess(
  name: AdapterName,
  heard: (message: FromAdapter) => void,
  ended: (reason: string) => void,
): AdapterProcess {
  const child = fork(PROGRAM, [JSON.stringify(name)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  })
  /** There is none where the process has no file descriptor left for it. */
  const stderr = child.stderr as Socket | null | undefined
  let tail = ''
  let reason: string | undefined
  let left = false
  let watchdog = setTimeout(() => {})

  function watch() {
    clearTimeout(watchdog)
    watchdog = setTimeout(() => {
      reason = 'the Bluetooth program hung'
      child.kill('SIGKILL')
    }, SILENT_FOR).unref()
  }

  stderr?.setEncoding('utf8').on('data', text => {
    tail = `${tail}${text}`.slice(-STDERR_TAIL)
  })
  child.on('message', message => {
    watch()
    const told = message as FromAdapter
    if (told.did === 'end') reason = told.reason
    else heard(told)
  })
  child.on('error', error => {
    reason ??= `the Bluetooth program does not run (${error.message})`
  })
  child.on('close', (code, signal) => {
    clearTimeout(watchdog)
    if (left) return
    ended(reason ?? `the Bluetooth program ended (${signal ?? code}) ${tail.trim().split('\n').at(-1)}`.trim())
  })
  watch()

  return {
    send: message => child.connected && child.send(message),
    holdUs(hold) {
      for (const handle of [child, child.channel, stderr]) hold ? handle?.ref() : handle?.unref()
    },
    leave() {
      left = true
      if (child.connected) child.disconnect()
      setTimeout(() => child.kill('SIGKILL'), LEAVE_WITHIN).unref()
    },
  }
}
