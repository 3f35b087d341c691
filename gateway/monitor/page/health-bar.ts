import type { GatewayHealth } from '../live/live-messages.js'
import { element } from './element.js'

export interface HealthBar {
  readonly element: HTMLElement
  /** `open`: the page is connected. `framesPerSecond`: of this page, null before it is known. */
  update(open: boolean, health: GatewayHealth | null, framesPerSecond: number | null): void
}

type Verdict = 'ok' | 'warn' | 'bad'

/** How the gateway is: model, latency, broker, outbox, clock, and this page's own frame rate. */
export function createHealthBar(): HealthBar {
  const list = element('ul', { class: 'health', 'aria-label': 'Gateway health' })
  let shown = ''
  return {
    element: list,
    update(open, health, framesPerSecond) {
      const facts = open ? factsOf(health, framesPerSecond) : [['bad', 'Gateway', 'not reached'] as const]
      const next = JSON.stringify(facts)
      if (next === shown) return
      shown = next
      list.replaceChildren(
        ...facts.map(([verdict, name, value, why]) =>
          element(
            'li',
            { class: verdict, title: why },
            element('span', { class: 'dot', 'aria-hidden': 'true' }),
            element('span', { class: 'name' }, `${name} `),
            element('span', { class: 'is' }, value),
          ),
        ),
      )
    },
  }
}

function factsOf(
  health: GatewayHealth | null,
  framesPerSecond: number | null,
): readonly (readonly [Verdict, string, string, string?])[] {
  if (!health) return []
  const { model, fallback, latencyMs, broker, outbox, clockSynchronised, inferenceDepth, framesDropped, waitingFor } =
    health
  const dropped = framesDropped > 0 ? `, ${framesDropped} dropped` : ''
  return [
    model
      ? [
          fallback ? 'warn' : 'ok',
          'Model',
          `${model.precision} on ${model.provider}`,
          fallback ?? `${model.bundle} ${model.version}`,
        ]
      : ['bad', 'Model', 'none'],
    [
      inferenceDepth > 8 ? 'warn' : 'ok',
      'Latency',
      latencyMs === null ? '–' : `${latencyMs.toFixed(0)} ms`,
      'from the last sample of a window to its answer',
    ],
    [broker.connected ? 'ok' : 'bad', 'Broker', broker.connected ? 'connected' : 'away', broker.host],
    [
      outbox.messages > 0 && !broker.connected ? 'warn' : 'ok',
      'Outbox',
      String(outbox.messages),
      'alert messages that wait for the broker, on disk',
    ],
    ...(clockSynchronised === null
      ? []
      : [
          [
            clockSynchronised ? 'ok' : 'warn',
            'Clock',
            clockSynchronised ? 'synchronised' : 'not synchronised',
          ] as const,
        ]),
    ...(waitingFor.length > 0
      ? [
          [
            'warn',
            'Waiting for',
            waitingFor.length === 1 ? waitingFor[0]! : `${waitingFor.length} devices`,
            waitingFor.join(', '),
          ] as const,
        ]
      : []),
    [
      framesDropped > 0 ? 'warn' : 'ok',
      'Display',
      framesPerSecond === null ? '–' : `${framesPerSecond.toFixed(0)} fps${dropped}`,
      'frames that this page draws a second',
    ],
  ]
}
