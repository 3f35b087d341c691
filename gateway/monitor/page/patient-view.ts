import { createDeviceCard } from './device-card.js'
import { createEcgSheet } from './ecg-sheet.js'
import { element, setText } from './element.js'
import { createFindingsTable } from './findings-table.js'
import { sheetControls } from './sheet-controls.js'
import type { View } from './view.js'
import type { ViewParts } from './wall-view.js'

const PATIENT_RATE = 60

/** All leads of one patient, and what is known of them. */
export function createPatientView(device: string, { state, settings, alerts }: ViewParts): View {
  const sheet = createEcgSheet()
  const card = createDeviceCard()
  const findings = createFindingsTable()
  const scale = element('p', { class: 'scale' })
  const controls = sheetControls(settings, frozen => {
    sheet.frozen = frozen
    root.classList.toggle('frozen', frozen)
  })
  const absent = element('p', { class: 'empty' }, `${device} has not been heard of.`)
  const root = element(
    'div',
    { class: 'patient' },
    element('h1', { class: 'unseen' }, device),
    element('div', { class: 'patient-main' }, controls, sheet.element, absent, scale),
    element('aside', { class: 'side', 'aria-label': 'Patient' }, alerts.element, card.element, findings.element),
  )
  alerts.show(device)

  function update(): void {
    const patient = state.patients.get(device) ?? null
    const { layout, speed, gain, mode, baseline } = settings.current
    sheet.show(patient, { layout, speed, gain, mode, baseline })
    card.show(patient)
    findings.show(patient, state.tasks)
    alerts.update()
    absent.hidden = patient !== null
    sheet.element.hidden = patient === null
    setText(scale, `${speed} mm/s · ${gain} mm/mV · high-pass ${baseline} Hz, no other filter`)
  }

  update()
  return {
    element: root,
    title: device,
    rate: PATIENT_RATE,
    watches: device,
    update,
    draw: now => sheet.draw(now),
    repaint() {
      sheet.repaint()
      update()
    },
    close: () => sheet.close(),
  }
}
