import { createWriteStream, readFileSync } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { Agent, type Dispatcher, request } from 'undici'
import { type Millis, Seconds } from '../../ecg/units.js'
import { MAX_BUNDLE_BYTES } from '../bundle/parse-manifest.js'
import { DeliveryError } from './delivery-error.js'

type Response = Dispatcher.ResponseData

export interface FetchOptions {
  /** PEM of an authority to trust in place of the usual ones, for a server of one's own. */
  readonly caFile?: string | undefined
  /** Longest wait for the first byte of the answer, and from each piece of it to the next. */
  readonly silence?: Millis
  /** `total` is null where the server does not say. */
  progress?(bytes: number, total: number | null): void
}

const CONNECT_WITHIN = Seconds(10)
const SILENCE = Seconds(30)
/** The largest bundle at 1.2 MB/s. */
const DONE_WITHIN = Seconds(15 * 60)
const MOST_REDIRECTS = 5
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/** Fetches an archive into a new file. By HTTPS only, except from this machine itself. Throws a `DeliveryError`. */
export async function fetchBundle(url: string, file: string, options: FetchOptions = {}): Promise<void> {
  const { caFile, silence = SILENCE, progress = () => {} } = options
  const ca = caFile === undefined ? undefined : readAuthority(caFile)
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_WITHIN, ...(ca && { ca }) },
    headersTimeout: silence,
    bodyTimeout: silence,
  })
  try {
    const response = await get(safe(url), dispatcher)
    const said = response.headers['content-length']
    const total = said === undefined ? null : Number(said)
    checkSize(url, total ?? 0)
    await save(response, file, bytes => {
      checkSize(url, bytes)
      progress(bytes, total)
    })
  } catch (error) {
    if (error instanceof DeliveryError) throw error
    throw new DeliveryError('DELIVERY_FAILED', `${url} could not be fetched (${reasonOf(error)}); try again`, {
      cause: error,
    })
  } finally {
    await dispatcher.destroy()
  }
}

/** By `request`, for `fetch` would unpack a .tar.gz that the server calls encoded by gzip. */
async function get(first: URL, dispatcher: Agent): Promise<Response> {
  const signal = AbortSignal.timeout(DONE_WITHIN)
  let url = first
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const response = await request(url, { dispatcher, signal })
    const { statusCode: status, headers, body } = response
    body.on('error', () => {}) // told by whoever reads it; some is left unread
    if (status >= 200 && status < 300) return response
    body.destroy()
    const next = headers.location
    if (status < 300 || status >= 400 || typeof next !== 'string')
      throw new DeliveryError(
        'DELIVERY_FAILED',
        `${url.href} answered ${status} ${STATUS_CODES[status] ?? ''}; check the address`,
      )
    url = safe(new URL(next, url).href)
  }
  throw new DeliveryError(
    'DELIVERY_FAILED',
    `${first.href} leads on more than ${MOST_REDIRECTS} times; check the address`,
  )
}

/** What is fetched is signed all the same; but who listens need not know which gateway runs what. */
function safe(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  const allowed =
    url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
  if (allowed && url.username === '' && url.password === '') return url
  throw new DeliveryError('DELIVERY_URL_REFUSED', `${text} is not fetched: use https:// without a password in it`, {
    exitCode: 2,
  })
}

async function save(response: Response, file: string, received: (bytes: number) => void): Promise<void> {
  let bytes = 0
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      bytes += chunk.length
      received(bytes)
      yield chunk
    }
  }
  await pipeline(response.body, counted, createWriteStream(file, { flags: 'wx', mode: 0o600 }))
}

function checkSize(url: string, bytes: number): void {
  if (bytes > MAX_BUNDLE_BYTES)
    throw new DeliveryError('DELIVERY_TOO_LARGE', `${url} is larger than ${MAX_BUNDLE_BYTES} bytes; it is no bundle`)
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new DeliveryError('DELIVERY_FAILED', `The authority’s certificate ${file} cannot be read; check the path`, {
      cause,
      exitCode: 2,
    })
  }
}

/** What was tried at several addresses says nothing itself. */
function reasonOf(error: unknown): string {
  const { message } = error as Error
  return message === '' && error instanceof AggregateError ? (error.errors[0] as Error).message : message
}
