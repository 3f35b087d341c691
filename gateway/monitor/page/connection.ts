import type { LiveMessage, ViewerRequest } from '../live/live-messages.js'
import { decodeFrame } from '../live/waveform-frame.js'
import type { LiveState } from './live-state.js'

/** ms between two attempts; doubles up to the last. */
const RETRY = { first: 500, most: 8000 }
/** Without any message for this long, ms, the line is dead: the gateway's health comes every 2 s. An answer takes no longer either. */
const SILENCE = 7000

export interface Connection {
  readonly open: boolean
  ask(request: ViewerRequest): void
}

/** Keeps the page connected for as long as it is open. `changed` is told when that begins or ceases to be so. */
export function connect(state: LiveState, changed: (open: boolean) => void): Connection {
  let socket: WebSocket
  /** Has ended, or was given up; what it still says is not listened to. */
  let over = new AbortController()
  let delay = RETRY.first
  let heard = performance.now()
  /** What the page looks at, to be asked for again. */
  let watched: ViewerRequest | null = null

  function open(): void {
    const url = new URL('/live', location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    socket = new WebSocket(url)
    socket.binaryType = 'arraybuffer'
    over = new AbortController()
    const { signal } = over
    heard = performance.now()
    socket.addEventListener('message', told, { signal })
    socket.addEventListener('close', ended, { signal })
  }

  function told({ data }: MessageEvent<string | ArrayBuffer>): void {
    heard = performance.now()
    if (typeof data !== 'string') {
      const frame = decodeFrame(data)
      if (frame) state.frame(frame, heard)
      return
    }
    const message: LiveMessage = JSON.parse(data)
    if (message.kind === 'welcome') welcome(message.version)
    state.apply(message)
  }

  function ended(): void {
    over.abort()
    changed(false)
    setTimeout(() => void again(), delay)
    delay = Math.min(RETRY.most, 2 * delay)
  }

  function welcome(version: string): void {
    // Another version of the gateway has come up: this page may not understand it.
    if (state.welcome && state.welcome.version !== version) location.reload()
    delay = RETRY.first
    if (watched) socket.send(JSON.stringify(watched))
    changed(true)
  }

  async function again(): Promise<void> {
    const signal = AbortSignal.timeout(SILENCE)
    const answer = await fetch('/', { method: 'HEAD', cache: 'no-store', signal }).catch(() => null)
    // The session is over: the gateway asks for the token.
    if (answer?.status === 401) location.reload()
    else open()
  }

  const isOpen = () => socket.readyState === WebSocket.OPEN && !over.signal.aborted

  open()
  setInterval(() => {
    if (over.signal.aborted || performance.now() - heard <= SILENCE) return
    // Over a dead line a browser waits a minute for the other side's goodbye before it says that the connection is closed.
    ended()
    socket.close()
  }, 1000)
  return {
    get open() {
      return isOpen()
    },
    ask(request) {
      if (request.kind === 'watch') watched = request
      if (isOpen()) socket.send(JSON.stringify(request))
    },
  }
}
