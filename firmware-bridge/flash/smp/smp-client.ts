import { setTimeout as sleep } from 'node:timers/promises'
import type { Millis } from '../../../ecg/units.js'
import { FlashError } from '../flash-error.js'
import type { SmpCarrier } from './smp-carrier.js'
import { decodeSmp, encodeSmp, SMP_V2, type SmpBody, SmpOperation } from './smp-message.js'
import { refusalIn } from './smp-result.js'

/** One command to a server, still without sequence. */
export interface SmpRequest {
  /** For messages to people: "to list its images". */
  readonly what: string
  readonly group: number
  readonly command: number
  /** A read unless `write`. */
  readonly write?: boolean
  readonly fields: Readonly<Record<string, unknown>>
}

/** The one who asks. Answers find their requests by sequence, group and command; what fits none is counted and dropped. */
export interface SmpClient {
  readonly carrier: SmpCarrier
  /** By `close`, for good. */
  readonly closed: boolean
  readonly counters: { readonly strays: number; readonly reopens: number }
  open(): Promise<void>
  /** Opens the carrier again, and again until it works, for at most so long. */
  reopen(withinMs: Millis): Promise<void>
  /** One attempt. Rejects with a `FlashError` for a refusal, silence, and a carrier that goes away. */
  ask(request: SmpRequest, withinMs: Millis): Promise<SmpBody>
  close(): Promise<void>
}

interface Waiting {
  readonly request: SmpRequest
  settle(outcome: SmpBody | FlashError): void
}

const REOPEN_EVERY = 250
const SEQUENCES = 256

/** `said`: what the device says to people on the same line. */
export function createSmpClient(carrier: SmpCarrier, said: (line: string) => void = () => {}): SmpClient {
  const waiting = new Map<number, Waiting>()
  const counters = { strays: 0, reopens: 0 }
  let isOpen = false
  let ended = false
  /** Why there is no carrier, for whoever asks next. */
  let lost = 'it is not open'
  // Begins anywhere, so that a late answer to an earlier program is not taken for ours.
  let sequence = Math.floor(Math.random() * SEQUENCES)

  async function open() {
    await carrier.open({
      message: take,
      text: said,
      closed: reason => lose(reason),
    })
    isOpen = true
  }

  function lose(reason: string) {
    isOpen = false
    lost = reason
    for (const { settle } of [...waiting.values()]) settle(linkLost(reason))
  }

  async function reopen(withinMs: Millis) {
    const deadline = performance.now() + withinMs
    for (;;) {
      await carrier.close()
      lose('it was opened again')
      if (ended) throw linkLost('it was closed')
      try {
        await open()
        if (ended) continue
        counters.reopens++
        return
      } catch (error) {
        if (performance.now() > deadline) throw error
        await sleep(REOPEN_EVERY)
      }
    }
  }

  function take(bytes: Uint8Array) {
    const message = decodeSmp(bytes)
    const waiter = message && waiting.get(message.sequence)
    const { request } = waiter ?? {}
    const answers =
      request?.group === message?.group &&
      request?.command === message?.command &&
      message?.operation === (request?.write ? SmpOperation.WriteResponse : SmpOperation.ReadResponse)
    if (!message || !waiter || !answers) {
      counters.strays++
      return
    }
    waiter.settle(refusalIn(message.body, waiter.request.what) ?? message.body)
  }

  function ask(request: SmpRequest, withinMs: Millis): Promise<SmpBody> {
    if (!isOpen) return Promise.reject(linkLost(lost))
    const own = freeSequence()
    const operation = request.write ? SmpOperation.Write : SmpOperation.Read
    const { group, command, fields } = request
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(silent(request, withinMs)), withinMs)
      function settle(outcome: SmpBody | FlashError) {
        clearTimeout(timer)
        waiting.delete(own)
        if (outcome instanceof FlashError) reject(outcome)
        else resolve(outcome)
      }
      waiting.set(own, { request, settle })
      carrier.send(encodeSmp({ operation, version: SMP_V2, group, command, sequence: own }, fields))
    })
  }

  function freeSequence(): number {
    do sequence = (sequence + 1) % SEQUENCES
    while (waiting.has(sequence))
    return sequence
  }

  async function close() {
    ended = true
    await carrier.close()
    lose('it was closed')
  }

  return {
    carrier,
    counters,
    get closed() {
      return ended
    },
    open,
    reopen,
    ask,
    close,
  }
}

function linkLost(reason: string): FlashError {
  return new FlashError('flash-link-lost', `the connection to the device was lost: ${reason}`)
}

function silent({ what }: SmpRequest, withinMs: number): FlashError {
  return new FlashError(
    'smp-silent',
    `the device did not answer ${what} within ${withinMs / 1000} s: check the cable, its speed (?baud=) and that it speaks SMP there`,
  )
}
