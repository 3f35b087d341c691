import type { MonitoredAlert } from '../live/live-messages.js'
import { createAlertList } from './alert-list.js'
import { createAlertView } from './alert-view.js'
import { connect } from './connection.js'
import { DisplayLoop } from './display-loop.js'
import { element, setText } from './element.js'
import { createHealthBar } from './health-bar.js'
import { LiveState } from './live-state.js'
import { createPatientView } from './patient-view.js'
import { createSettings, type Settings } from './settings.js'
import type { View } from './view.js'
import { createWallView } from './wall-view.js'

/** The page: state from the connection, one view at a time, one loop that draws. */

const settings = createSettings(localStorage)
const state = new LiveState()
const loop = new DisplayLoop()
const health = createHealthBar()
const main = document.querySelector('main')!
const connection = connect(state, open => {
  document.body.classList.toggle('unconnected', !open)
  health.update(open, state.health, loop.measured)
})
const alerts = createAlertList({ state, settings, acknowledge })
let view: View | null = null
let route = ''

function acknowledge(alert: MonitoredAlert): void {
  connection.ask({ kind: 'acknowledge', alert: alert.id, by: settings.current.name || 'monitor page' })
}

/** `#/wall`, `#/patient/DEVICE`, `#/alert/ID`; without any, the only patient there is, or the wall. */
function wantedRoute(): string {
  const hash = location.hash.slice(1)
  if (/^\/(wall|patient\/.+|alert\/\w+)$/.test(hash) && isDecodable(hash)) return hash
  const [only, another] = state.patients.keys()
  return only !== undefined && another === undefined ? `/patient/${encodeURIComponent(only)}` : '/wall'
}

function isDecodable(hash: string): boolean {
  try {
    return decodeURIComponent(hash) !== ''
  } catch {
    return false // cut off, or typed
  }
}

function navigate(): void {
  const wanted = wantedRoute()
  if (wanted !== route) {
    route = wanted
    view?.close()
    view = viewOf(wanted)
    main.replaceChildren(view.element)
    loop.drawn = view
    document.title = `${view.title} · ecgclip`
    connection.ask({ kind: 'watch', device: view.watches })
  }
  showTabs()
}

function viewOf(wanted: string): View {
  const parts = { state, settings, alerts, acknowledge }
  const [, kind, name = ''] = wanted.split('/')
  if (kind === 'alert') return createAlertView(name, parts)
  return kind === 'patient' ? createPatientView(decodeURIComponent(name), parts) : createWallView(parts)
}

function showTabs(): void {
  const tabs = [
    ['/wall', 'Wall'] as const,
    ...[...state.patients.keys()].sort().map(device => [`/patient/${encodeURIComponent(device)}`, device] as const),
  ]
  const nav = document.querySelector('nav')!
  nav.replaceChildren(
    ...tabs.map(([path, name]) =>
      element('a', { href: `#${path}`, ...(path === route && { 'aria-current': 'page' }) }, name),
    ),
  )
}

state.watch((topic, message) => {
  if (topic === 'patients') {
    setText(document.querySelector('#gateway')!, state.welcome?.gateway ?? '')
    navigate()
  }
  if (topic === 'health') health.update(connection.open, state.health, loop.measured)
  if (message.kind === 'alert' && message.alert.phase === 'start') alerts.announce(message.alert)
  if (message.kind === 'refused') setText(document.querySelector('#told')!, message.reason)
  view?.update(topic)
})

settings.watch(({ theme }) => {
  document.documentElement.dataset.theme = theme
  view?.repaint()
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => view?.repaint())

const theme = document.querySelector<HTMLSelectElement>('#theme')!
theme.value = settings.current.theme
theme.addEventListener('change', () => settings.change({ theme: theme.value as Settings['theme'] }))

document.querySelector('header.top')!.append(health.element)
// As an address, "#main" would name no view and so leave the one that is shown.
document.querySelector('.skip')!.addEventListener('click', event => {
  event.preventDefault()
  main.focus()
})
addEventListener('hashchange', navigate)
navigate()
loop.start()
// Ages of alerts, and how long a device has been silent.
setInterval(() => alerts.update(), 5000)
document.documentElement.dataset.ready = 'true'
