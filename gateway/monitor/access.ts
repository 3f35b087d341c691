import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { type Millis, Seconds } from '../../ecg/units.js'

/** A browser that has shown the token stays in for a shift. */
export const SESSION_LASTS = Seconds(12 * 3600)
/** Beyond it the oldest is forgotten and has to log in again. */
const MOST_SESSIONS = 64
/** Wrong tokens a minute, whoever sent them; then nobody new is let in until the minute is over. */
export const MOST_WRONG = 10
const MINUTE = Seconds(60)

const COOKIE = 'ecgclip-session'

export type Login = { readonly cookie: string } | 'wrong' | 'too-many'

/** Who may see patients: everyone, or who has the token, as `Authorization: Bearer` or as the cookie got for it. Pure. */
export interface Access {
  permits(headers: IncomingHttpHeaders): boolean
  /** What a form gave as the token. */
  login(token: string): Login
  /** Of the form and of Bearer, since the start. */
  readonly wrong: number
}

export interface AccessParts {
  /** Null: everyone. */
  readonly token: string | null
  /** The cookie must not travel in the clear. */
  readonly secure: boolean
  monotonic(): Millis
}

export function createAccess({ token, secure, monotonic }: AccessParts): Access {
  const expected = token === null ? null : digest(token)
  /** Session → when it ends; oldest first. */
  const sessions = new Map<string, Millis>()
  let wrong = 0
  let recent: Millis[] = []

  function matches(candidate: string): boolean | 'too-many' {
    recent = recent.filter(at => monotonic() - at < MINUTE)
    if (recent.length >= MOST_WRONG) return 'too-many'
    if (timingSafeEqual(digest(candidate), expected!)) return true
    wrong++
    recent.push(monotonic())
    return false
  }

  return {
    permits({ authorization, cookie }) {
      if (expected === null) return true
      const ends = sessions.get(cookieValue(cookie ?? '') ?? '')
      if (ends !== undefined) return monotonic() < ends
      const bearer = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
      return bearer !== undefined && matches(bearer) === true
    },
    login(candidate) {
      const match = expected === null || matches(candidate)
      if (match === 'too-many') return match
      if (!match) return 'wrong'
      const session = randomBytes(32).toString('base64url')
      if (sessions.size >= MOST_SESSIONS) sessions.delete(sessions.keys().next().value!)
      sessions.set(session, (monotonic() + SESSION_LASTS) as Millis)
      const attributes = `Path=/; Max-Age=${SESSION_LASTS / 1000}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`
      return { cookie: `${COOKIE}=${session}; ${attributes}` }
    },
    get wrong() {
      return wrong
    },
  }
}

/** Of equal length for `timingSafeEqual`, whatever was sent. */
const digest = (value: string): Buffer => createHash('sha256').update(value).digest()

const cookieValue = (header: string): string | undefined =>
  header
    .split(';')
    .map(pair => pair.trim())
    .find(pair => pair.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1)
