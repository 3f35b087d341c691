import { type Route, text } from './route.js'

/** For an orchestrator: is the process alive, and does it do its work? Both answer without a token and say nothing else. */
export function healthRoutes(ready: () => boolean): Route[] {
  return [
    { method: 'GET', path: '/healthz', access: 'public', answer: () => text(200, 'ok') },
    {
      method: 'GET',
      path: '/readyz',
      access: 'public',
      answer: () => (ready() ? text(200, 'ready') : text(503, 'not ready')),
    },
  ]
}
