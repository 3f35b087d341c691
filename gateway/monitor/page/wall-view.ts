import { inOrder, lookOf } from './alarm-words.js'
import type { AlertList } from './alert-list.js'
import { createEcgSheet, type EcgSheet } from './ecg-sheet.js'
import { element, setText } from './element.js'
import type { LivePatient, LiveState } from './live-state.js'
import type { SettingsStore } from './settings.js'
import type { View } from './view.js'

/** Patients side by side; smoother would cost a small computer too much. */
const WALL_RATE = 10
export const MOST_TILES = 16

interface Tile {
  readonly element: HTMLElement
  readonly sheet: EcgSheet
  update(patient: LivePatient): void
}

export interface ViewParts {
  readonly state: LiveState
  readonly settings: SettingsStore
  readonly alerts: AlertList
}

/** One lead of every patient. */
export function createWallView({ state, settings, alerts }: ViewParts): View {
  const tiles = new Map<string, Tile>()
  const grid = element('ul', { class: 'tiles' })
  const empty = element('p', { class: 'empty' })
  const more = element('p', { class: 'hint' })
  const root = element(
    'div',
    { class: 'wall' },
    element('h1', { class: 'unseen' }, 'Wall'),
    element('div', { class: 'wall-main' }, grid, more, empty),
    alerts.element,
  )
  alerts.show(null)

  function update(): void {
    const patients = [...state.patients.values()]
      .sort((a, b) => Number(isLost(a)) - Number(isLost(b)) || byName(a, b))
      .slice(0, MOST_TILES)
      .sort(byName)
    const wanted = new Set(patients.map(({ about }) => about.device))
    for (const [device, { element, sheet }] of tiles)
      if (!wanted.has(device)) {
        sheet.close()
        element.remove()
        tiles.delete(device)
      }
    patients.forEach((patient, i) => {
      const { device } = patient.about
      const tile = tiles.get(device) ?? createTile(device, state, settings)
      tiles.set(device, tile)
      if (grid.children[i] !== tile.element) grid.insertBefore(tile.element, grid.children[i] ?? null)
      tile.update(patient)
    })
    grid.dataset.count = String(patients.length)
    const left = state.patients.size - patients.length
    setText(more, left > 0 ? `${left} more are not on the wall; each has its own page.` : '')
    empty.hidden = patients.length > 0
    const waiting = state.health?.waitingFor ?? []
    setText(empty, waiting.length > 0 ? `Waiting for ${waiting.join(', ')}` : 'No device has been heard of yet.')
    alerts.update()
  }

  update()
  return {
    element: root,
    title: 'Wall',
    rate: WALL_RATE,
    watches: null,
    update,
    draw(now) {
      for (const { sheet } of tiles.values()) sheet.draw(now)
    },
    repaint() {
      for (const { sheet } of tiles.values()) sheet.repaint()
      update()
    },
    close() {
      for (const { sheet } of tiles.values()) sheet.close()
    },
  }
}

/** What was taken off days ago must not keep a patient off the wall. */
const isLost = ({ state }: LivePatient): boolean => state?.state === 'lost'
const byName = (a: LivePatient, b: LivePatient): number => a.about.device.localeCompare(b.about.device)

function createTile(device: string, state: LiveState, settings: SettingsStore): Tile {
  const sheet = createEcgSheet()
  const lead = element('span', { class: 'tile-lead' })
  const status = element('span', { class: 'chip' })
  const battery = element('span', { class: 'tile-battery' })
  const finding = element('span', { class: 'tile-finding' })
  const root = element(
    'li',
    { class: 'tile' },
    element(
      'a',
      { href: `#/patient/${encodeURIComponent(device)}` },
      element('span', { class: 'tile-head' }, element('strong', {}, device), lead, battery, status),
      sheet.element,
      finding,
    ),
  )
  return {
    element: root,
    sheet,
    update(patient) {
      const { speed, gain, mode, baseline } = settings.current
      sheet.show(patient, { layout: 'wall', speed, gain, mode, baseline })
      const { about, state: told } = patient
      setText(lead, about.wallLead ?? 'no lead')
      setText(status, told?.state ?? 'connected')
      status.className = `chip ${told?.state ?? 'connected'}`
      setText(battery, told?.battery == null ? '' : `${told.battery.toFixed(0)} %`)
      const open = inOrder(state.alerts.values()).filter(alert => alert.device === device && alert.state !== 'inactive')
      const [first] = open
      root.className = first ? `tile ${lookOf(first)}${first.acknowledged ? ' acknowledged' : ''}` : 'tile'
      setText(finding, first ? `${first.condition.display}${open.length > 1 ? ` +${open.length - 1}` : ''}` : '')
    },
  }
}
