import { type Route, text } from './route.js'

export interface Health {
  /** Samples that come in become assessments. False: only a restart can help. */
  alive(): boolean
  /** It takes part: started, and not on its way out. A broker that is away does not count, for nothing is lost meanwhile. */
  ready(): boolean
}

/** For an orchestrator: is the process alive, and does it do its work? Both answer without a token and say nothing else. */
export function healthRoutes({ alive, ready }: Health): Route[] {
  return [
    {
      method: 'GET',
      path: '/healthz',
      access: 'public',
      answer: () => (alive() ? text(200, 'ok') : text(503, 'stuck')),
    },
    {
      method: 'GET',
      path: '/readyz',
      access: 'public',
      answer: () => (ready() ? text(200, 'ready') : text(503, 'not ready')),
    },
  ]
}
