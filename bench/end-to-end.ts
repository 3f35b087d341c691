import { fork } from 'node:child_process'
import { once } from 'node:events'

/** The whole path, from a pseudo-terminal to the broker's PUBACK, with a number of patients at 500 Hz and a 5-s hop. */
export interface EndToEnd {
  readonly patients: number
  /** Windows assessed while it was measured. */
  readonly windows: number
  /** From the arrival of a window's last byte to the PUBACK of its assessment. */
  readonly medianMs: number
  readonly p99Ms: number
  /** Of one core, the gateway's process alone. */
  readonly cpuPercentPerPatient: number
  readonly cpuMsPerWindow: number
  readonly rssMiB: number
}

export interface EndToEndOptions {
  readonly seconds: number
  /** Before it is measured: first windows take 10 s, and the clocks are fitted meanwhile. 12 unless stated. */
  readonly warmUpSeconds?: number | undefined
  /** Folders; the shipped bundle, unless stated. */
  readonly bundle?: string | undefined
  readonly trust?: string | undefined
  readonly variant?: string | undefined
  readonly hopSeconds?: number | undefined
}

/** As in `packaging/systemd/ecgclip.service`. */
export const SERVICE_FLAGS = ['--max-semi-space-size=2']

/** One after another, each in a fresh process, so that memory is its own. */
export async function* measureEndToEnd(
  patients: readonly number[],
  options: EndToEndOptions,
): AsyncGenerator<EndToEnd> {
  for (const count of patients) {
    const args = [String(count), JSON.stringify(options)]
    const gateway = fork(new URL('./gateway-process.js', import.meta.url), args, { execArgv: SERVICE_FLAGS })
    const ended = once(gateway, 'exit')
    const [result] = await Promise.race([once(gateway, 'message'), ended.then(failed)])
    yield result as EndToEnd
    await ended
  }
}

function failed([code]: unknown[]): never {
  throw new Error(`the gateway under measurement ended with code ${code} before it had a result`)
}
