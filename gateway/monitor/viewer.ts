import type { WebSocket } from 'ws'
import { z } from 'zod'
import type { LiveMessage, ViewerRequest } from './live/live-messages.js'
import type { FrameSink } from './waveform-feed.js'

/** Bytes that wait for a slow page. Beyond it waveforms are dropped, for the newest are what matters … */
export const MOST_WAITING = 512 * 1024
/** … until so few wait; then the page gets the last seconds whole … */
export const CAUGHT_UP = 32 * 1024
/** … and a page that does not even take its messages is cut off; it connects again by itself. */
export const CUT_OFF = 4 * 2 ** 20
/** Requests a second; a person makes one or two. */
const MOST_REQUESTS = 20

const RequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('watch'), device: z.string().min(1).max(256).nullable() }),
  z.strictObject({ kind: z.literal('acknowledge'), alert: z.string().length(26), by: z.string().min(1).max(64) }),
])

/** WebSocket close codes, RFC 6455 7.4.1. */
const CLOSE = { policyViolation: 1008, unsupportedData: 1003, invalidPayload: 1007 } as const

/** One page that looks. Never waits: what a page is too slow for is dropped and counted. */
export class Viewer implements FrameSink {
  readonly #socket: WebSocket
  #dropped = 0
  #behind = false
  #alive = true
  #requests = 0

  /** `request` is told what the page asks for; whatever else it sends closes the connection. */
  constructor(socket: WebSocket, request: (request: ViewerRequest) => void) {
    this.#socket = socket
    socket.on('pong', () => {
      this.#alive = true
    })
    socket.on('message', (data, binary) => {
      if (binary) return socket.close(CLOSE.unsupportedData, 'text only')
      if (++this.#requests > MOST_REQUESTS) return socket.close(CLOSE.policyViolation, 'too many requests')
      const parsed = RequestSchema.safeParse(parseJson(String(data)))
      if (!parsed.success) return socket.close(CLOSE.invalidPayload, 'not a request')
      request(parsed.data)
    })
  }

  /** Waveform frames that it was too slow for. */
  get dropped(): number {
    return this.#dropped
  }

  tell(message: LiveMessage): void {
    if (this.#socket.bufferedAmount > CUT_OFF) this.#socket.terminate()
    else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message))
  }

  frame(frame: ArrayBuffer): void {
    if (this.#behind || this.#socket.bufferedAmount > MOST_WAITING) {
      this.#behind = true
      this.#dropped++
    } else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(frame)
  }

  /** True once, when it was behind and is not any more: it needs the last seconds whole. */
  recovered(): boolean {
    if (!this.#behind || this.#socket.bufferedAmount > CAUGHT_UP) return false
    this.#behind = false
    return true
  }

  /** To be called once a second. */
  second(): void {
    this.#requests = 0
  }

  /** To be called now and then: cuts off who did not answer the last call. */
  ping(): void {
    if (this.#alive) this.#socket.ping()
    else this.#socket.terminate()
    this.#alive = false
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
