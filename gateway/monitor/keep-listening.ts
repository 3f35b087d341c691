import { setTimeout as wait } from 'node:timers/promises'
import { Seconds } from '../../ecg/units.js'
import { type HttpServer, type HttpServerParts, startHttpServer } from './http-server.js'

/** A port that is taken is tried again this often: patients' alerts do not wait for a page. */
const TRY_EVERY = Seconds(10)

export interface Listening {
  /** Null while the port cannot be had. */
  readonly url: URL | null
  stop(): Promise<void>
}

/** By the system's error. */
export function listeningRemedy(code: string | undefined): string {
  if (code === 'EADDRINUSE') return 'set monitor.port to a free one'
  if (code === 'EACCES') return 'set monitor.port to 1024 or more, which need no privilege'
  return 'set monitor.host to an address of this machine'
}

/** Listens as soon as it can. Resolves after the first attempt, whatever became of it. */
export async function keepListening(parts: HttpServerParts): Promise<Listening> {
  const { listener, log } = parts
  const stopped = new AbortController()
  let server: HttpServer | null = null

  async function attempt(): Promise<boolean> {
    try {
      server = await startHttpServer(parts)
      log.info({ url: server.url.href }, 'the monitor page is served')
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const where = `${listener.host}:${listener.port}`
      log.error({ code }, `the monitor page cannot be served at ${where} (${code}); ${listeningRemedy(code)}`)
      return false
    }
  }

  async function keepTrying(): Promise<void> {
    while (server === null) {
      await wait(TRY_EVERY, undefined, { signal: stopped.signal })
      await attempt()
    }
  }

  const trying = (await attempt()) ? Promise.resolve() : keepTrying().catch(() => {})
  return {
    get url() {
      return server?.url ?? null
    },
    async stop() {
      stopped.abort()
      await trying
      await server?.stop()
    },
  }
}
