import type { MonitoredAlert } from '../live/live-messages.js'
import { announcement, classesOf, inOrder, kindOf, stateWords } from './alarm-words.js'
import { element, setText } from './element.js'
import type { LiveState } from './live-state.js'
import type { SettingsStore } from './settings.js'
import { ago } from './times.js'

export interface AlertListParts {
  readonly state: LiveState
  readonly settings: SettingsStore
  acknowledge(alert: MonitoredAlert): void
}

export interface AlertList {
  readonly element: HTMLElement
  /** Of one device and of the gateway itself, or with null of all. */
  show(device: string | null): void
  update(): void
  /** Tells a screen reader. */
  announce(alert: MonitoredAlert): void
}

/** The gateway's own conditions, as the alert engine names them. */
const GATEWAY_DEVICE = '_gateway'
/** Ended ones beyond these are of no use at the bedside. */
const MOST_ENDED_SHOWN = 12
/** Announcements that stay for a screen reader that is still at an earlier one. */
const MOST_SPOKEN = 20

/** The list of alerts. Arrow keys move in it, Enter opens, A acknowledges. */
export function createAlertList({ state, settings, acknowledge }: AlertListParts): AlertList {
  let device: string | null = null
  let shown = ''
  const list = element('ol', { class: 'alerts', 'aria-label': 'Alerts', onkeydown: keyPressed })
  const spoken = element('div', { class: 'unseen', 'aria-live': 'polite' })
  const count = element('span', { class: 'count' })
  const name = element('input', {
    type: 'text',
    maxlength: 64,
    autocomplete: 'off',
    value: settings.current.name,
    placeholder: 'initials',
    onchange: () => settings.change({ name: name.value.trim() }),
  })
  const empty = element('p', { class: 'empty' }, 'No alerts.')
  const root = element(
    'section',
    { class: 'panel alert-panel', 'aria-labelledby': 'alerts-title' },
    element('h2', { id: 'alerts-title' }, 'Alerts ', count),
    list,
    empty,
    element('label', { class: 'who' }, 'Acknowledge as ', name),
    element('p', { class: 'hint' }, 'Keys in the list: ↑ ↓ move, Enter opens, A acknowledges.'),
    spoken,
  )

  function wanted(): MonitoredAlert[] {
    const all = inOrder(state.alerts.values()).filter(
      alert => device === null || alert.device === device || alert.device === GATEWAY_DEVICE,
    )
    const open = all.filter(alert => alert.state !== 'inactive')
    return [...open, ...all.filter(alert => alert.state === 'inactive').slice(0, MOST_ENDED_SHOWN)]
  }

  function update(): void {
    const alerts = wanted()
    // Rebuilding would take the focus away: only when something on it differs.
    const next = JSON.stringify([device, alerts])
    if (next !== shown) {
      shown = next
      const focused = document.activeElement?.closest<HTMLElement>('.alert')?.dataset.id
      const onButton = document.activeElement?.tagName === 'BUTTON'
      list.replaceChildren(...alerts.map(alert => card(alert, device === null)))
      const again = [...list.querySelectorAll<HTMLElement>('.alert')].find(item => item.dataset.id === focused)
      if (again) (onButton ? (again.querySelector('button') ?? again) : again).focus()
    }
    empty.hidden = alerts.length > 0
    list.hidden = alerts.length === 0
    const unseen = alerts.filter(alert => alert.state !== 'inactive' && !alert.acknowledged).length
    setText(count, unseen > 0 ? `${unseen} new` : '')
    for (const time of list.querySelectorAll('time'))
      setText(time, `${ago(state.now() - Number(time.dataset.since))} ago`)
  }

  function card(alert: MonitoredAlert, withDevice: boolean): HTMLElement {
    const { id, condition, evidence, acknowledged, raised } = alert
    const open = alert.state !== 'inactive'
    const why =
      'probability' in evidence
        ? `p ${evidence.probability.toFixed(2)} (threshold ${evidence.threshold.toFixed(2)})`
        : evidence.detail
    return element(
      'li',
      {
        class: `alert ${classesOf(alert)}`,
        tabindex: 0,
        'data-id': id,
        'aria-label': `${announcement(alert)}, ${stateWords[alert.state]}${acknowledged ? ', acknowledged' : ''}`,
      },
      element('span', { class: 'kind' }, kindOf(alert), element('span', { class: 'state' }, stateWords[alert.state])),
      element('strong', {}, condition.display),
      element(
        'span',
        { class: 'why' },
        withDevice ? `${alert.device === GATEWAY_DEVICE ? 'gateway' : alert.device} · ${why}` : why,
      ),
      element(
        'span',
        { class: 'row' },
        element('time', { 'data-since': raised, datetime: new Date(raised).toISOString() }),
        ...(alert.window ? [element('a', { href: `#/alert/${id}` }, '10-s window')] : []),
        ...(acknowledged
          ? [element('span', { class: 'done' }, `✓ ${acknowledged.by ?? 'acknowledged'}`)]
          : open
            ? [element('button', { type: 'button', onclick: () => acknowledge(alert) }, 'Acknowledge')]
            : []),
      ),
    )
  }

  function keyPressed(event: KeyboardEvent): void {
    const item = (event.target as HTMLElement).closest<HTMLElement>('.alert')
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return
    const alert = state.alerts.get(item.dataset.id!)
    const move = { ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling }[event.key]
    if (move) (move as HTMLElement).focus()
    else if (event.key === 'Enter' && event.target === item && alert?.window) location.hash = `#/alert/${alert.id}`
    else if (event.key.toLowerCase() === 'a' && alert && !alert.acknowledged && alert.state !== 'inactive')
      acknowledge(alert)
    else return
    event.preventDefault()
  }

  return {
    element: root,
    show(next) {
      device = next
      update()
    },
    update,
    announce(alert) {
      // Each is an addition: text that takes the place of another is read only if it differs, and the other then never.
      spoken.append(element('p', {}, announcement(alert)))
      if (spoken.childElementCount > MOST_SPOKEN) spoken.firstElementChild!.remove()
    },
  }
}
