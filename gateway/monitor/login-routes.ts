import type { Access } from './access.js'
import { type Answer, type Route, text } from './route.js'

/** The token, given once in a form, becomes a session cookie. */
export function loginRoutes(access: Access): Route[] {
  return [
    {
      method: 'POST',
      path: '/login',
      access: 'public',
      answer({ body }): Answer {
        const login = access.login(new URLSearchParams(body).get('token') ?? '')
        if (login === 'too-many')
          return text(429, 'Too many wrong tokens; try again in a minute.', { 'retry-after': '60' })
        const wrong = login === 'wrong'
        return text(303, '', { location: wrong ? '/login#wrong' : '/', ...(!wrong && { 'set-cookie': login.cookie }) })
      },
    },
  ]
}
