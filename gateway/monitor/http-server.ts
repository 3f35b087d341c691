import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Seconds } from '../../ecg/units.js'
import type { Log } from '../mqtt/log.js'
import type { Access } from './access.js'
import type { ListenerOptions } from './listener-options.js'
import { type Answer, MOST_BODY, type Route, text } from './route.js'
import { SECURITY_HEADERS } from './security-headers.js'

/** A client that trickles its TLS handshake, its headers or its body is cut off after these. */
const HEADERS_WITHIN = Seconds(5)
const REQUEST_WITHIN = Seconds(10)
const MOST_HEADER_BYTES = 16 * 1024
/** Sockets at once; a page needs one for its live data and up to six while it loads. */
const MOST_CONNECTIONS = 256

export interface HttpServerParts {
  readonly listener: ListenerOptions
  readonly access: Access
  readonly routes: readonly Route[]
  readonly log: Log
  /** What who has no token gets at "/": the form that asks for it. */
  readonly doorway?: Answer
  /** A WebSocket handshake that may be accepted: it came to `/live`, from this page, with the token. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export interface HttpServer {
  /** With the port that was taken. */
  readonly url: URL
  /** Ends at once: what is under way is cut off. */
  stop(): Promise<void>
}

/** Where the page's live data are. */
export const LIVE_PATH = '/live'

/** Starts it. Rejects with the system's error when the port cannot be had. */
export async function startHttpServer(parts: HttpServerParts): Promise<HttpServer> {
  const { listener, log } = parts
  const options = {
    handshakeTimeout: HEADERS_WITHIN,
    headersTimeout: HEADERS_WITHIN,
    requestTimeout: REQUEST_WITHIN,
    maxHeaderSize: MOST_HEADER_BYTES,
    connectionsCheckingInterval: Seconds(1),
  }
  const answer = (request: IncomingMessage, response: ServerResponse) =>
    void answerRequest(parts, request)
      .catch((error: unknown): Answer => {
        log.error({ error, path: pathOf(request) }, 'a request could not be answered')
        return text(500, 'The gateway could not answer; its log says why.')
      })
      .then(given => send(response, request, given))
  const server: Server = listener.tls
    ? createTlsServer({ ...options, ...listener.tls }, answer)
    : createServer(options, answer)
  server.maxConnections = MOST_CONNECTIONS
  server.on('clientError', (_, socket) => socket.destroy())
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const refusal = objection(parts, request) ?? upgradeObjection(parts, request)
    if (refusal === null && parts.upgrade) return parts.upgrade(request, socket, head)
    // The server's timeouts end with the handshake: who is refused and never hangs up would keep one of the connections.
    socket.once('finish', () => socket.destroy())
    socket.end(`HTTP/1.1 ${(refusal ?? NOT_FOUND).status} \r\nConnection: close\r\n\r\n`)
  })
  // All there are: `closeAllConnections` knows neither those that have not begun TLS nor WebSockets.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: listener.host, port: listener.port, exclusive: true }, resolve)
  })
  const { port } = server.address() as AddressInfo
  const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host
  return {
    url: new URL(`${listener.tls ? 'https' : 'http'}://${host}:${port}/`),
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

const NOT_FOUND = text(404, 'There is nothing here.')
const UNAUTHORISED = text(401, 'A token is needed: log in at / or send it as "Authorization: Bearer".', {
  'www-authenticate': 'Bearer realm="ecgclip"',
})

async function answerRequest(parts: HttpServerParts, request: IncomingMessage): Promise<Answer> {
  const refusal = objection(parts, request)
  if (refusal) return refusal
  const path = pathOf(request)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const there = parts.routes.flatMap(route => {
    const rest = restOf(route.path, path)
    return rest === null ? [] : [{ route, rest }]
  })
  const found = there.find(({ route }) => route.method === method)
  // Without the token nobody learns which paths there are.
  if (found?.route.access !== 'public' && !parts.access.permits(request.headers))
    return { ...UNAUTHORISED, ...(path === '/' && parts.doorway), status: 401 }
  if (!found && there.length > 0)
    return text(405, 'That cannot be done here.', { allow: there.map(({ route }) => route.method).join(', ') })
  if (!found) return NOT_FOUND
  if (method === 'POST' && !sameOrigin(request)) return text(403, 'This comes from another page.')
  const body = method === 'POST' ? await readBody(request) : ''
  if (body === null) return text(413, `At most ${MOST_BODY} bytes are taken.`, { connection: 'close' })
  return found.route.answer({ headers: request.headers, rest: found.rest, body })
}

/**
 * On loopback, a page of some other site could reach the gateway under a name of its own that resolves to 127.0.0.1 (DNS
 * rebinding): only the host's own names are answered.
 */
function objection({ listener }: HttpServerParts, { headers }: IncomingMessage): Answer | null {
  if (!listener.loopback || LOOPBACK_NAME.test(headers.host ?? '')) return null
  return text(421, 'The gateway listens on this host only; ask it as localhost.')
}

const LOOPBACK_NAME = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

function upgradeObjection({ access }: HttpServerParts, request: IncomingMessage): Answer | null {
  if (!access.permits(request.headers)) return UNAUTHORISED
  if (!sameOrigin(request)) return text(403, 'This comes from another page.')
  return pathOf(request) === LIVE_PATH ? null : NOT_FOUND
}

/** Browsers name the page a request comes from; programs do not, and have no cookies that could be abused. */
function sameOrigin({ headers }: IncomingMessage): boolean {
  if (headers.origin === undefined) return true
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host
}

/** As sent: ".." is not resolved, for no route has it. */
const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0]!

function restOf(route: string, path: string): string | null {
  if (path === route) return ''
  if (!route.endsWith('/') || route === '/' || !path.startsWith(route)) return null
  const rest = path.slice(route.length)
  if (rest.includes('/')) return null
  try {
    return decodeURIComponent(rest)
  } catch {
    return null
  }
}

/** Null when there is more than is taken. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers['content-length'] ?? 0) > MOST_BODY) return null
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MOST_BODY) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, { method }: IncomingMessage, { status, headers, body }: Answer): void {
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers, 'content-length': bytes.length })
  response.end(method === 'HEAD' ? undefined : bytes)
}
