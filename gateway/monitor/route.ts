import type { IncomingHttpHeaders } from 'node:http'

/** What the gateway's HTTP server answers: a table of these, complete when it starts. Nothing outside the table exists. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** The whole path; one that ends in "/" also takes what follows, up to the next "/", as `request.rest`. */
  readonly path: string
  /** public: answered to whoever can reach the port. token: only to those who have it, where one is configured. */
  readonly access: 'public' | 'token'
  answer(request: RouteRequest): Answer | Promise<Answer>
}

export interface RouteRequest {
  readonly headers: IncomingHttpHeaders
  /** What follows a path that ends in "/", decoded; empty for a whole path. */
  readonly rest: string
  /** At most `MOST_BODY` bytes; empty for GET. */
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** Bytes. The longest thing that anyone has to say to the gateway is a token. */
export const MOST_BODY = 4096

export const text = (status: number, sentence: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
  body: `${sentence}\n`,
})

export const json = (value: unknown): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
})
