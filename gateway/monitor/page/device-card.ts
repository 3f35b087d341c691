import { ELECTRODES, type Electrode } from '../../../ecg/leads.js'
import { element, setText, svgElement } from './element.js'
import type { LivePatient } from './live-state.js'
import { uncertainty } from './times.js'

export interface DeviceCard {
  readonly element: HTMLElement
  show(patient: LivePatient | null): void
}

/** Where electrodes sit on the drawing, front view: the patient's right is left. Percent of its box. */
const PLACES: Readonly<Record<Electrode, readonly [number, number]>> = {
  RA: [24, 20],
  LA: [76, 20],
  RL: [30, 92],
  LL: [70, 92],
  V1: [44, 44],
  V2: [56, 44],
  V3: [61, 52],
  V4: [67, 59],
  V5: [76, 59],
  V6: [84, 58],
}
/** Below it, %, the battery is worth a look. */
const LOW_BATTERY = 20

/** The device: state, electrodes, battery, losses, and how well its clock is known. */
export function createDeviceCard(): DeviceCard {
  const title = element('h2', { id: 'device-title' })
  const state = element('span', { class: 'chip' })
  const facts = element('dl', { class: 'facts' })
  const fact = (name: string) => {
    const value = element('dd')
    facts.append(element('div', {}, element('dt', {}, name), value))
    return value
  }
  const about = fact('Device')
  const battery = fact('Battery')
  const clock = fact('Clock')
  const loss = fact('Lost samples')
  const electrodes = element('p', { class: 'electrode-words' })
  const dots = new Map(ELECTRODES.map(name => [name, dot(name)]))
  const torso = svgElement(
    'svg',
    { class: 'torso', viewBox: '0 0 100 100', 'aria-hidden': 'true' },
    svgElement('path', { d: TORSO }),
    ...dots.values(),
  )
  const root = element(
    'section',
    { class: 'panel device', 'aria-labelledby': 'device-title' },
    element('header', {}, title, state),
    element('div', { class: 'device-body' }, facts, element('div', { class: 'electrodes' }, torso, electrodes)),
  )

  return {
    element: root,
    show(patient) {
      if (!patient) return
      const { state: told, about: identity } = patient
      setText(title, identity.device)
      setText(state, told?.state ?? 'connected')
      state.className = `chip ${told?.state ?? 'connected'}`
      setText(about, `${told?.model ?? '–'}, ${identity.rate} Hz, ${identity.leads.length} leads`)
      setText(battery, told?.battery == null ? 'not told' : `${told.battery.toFixed(0)} %`)
      battery.classList.toggle('warn', told?.battery != null && told.battery < LOW_BATTERY)
      setText(clock, uncertainty(told?.clockUncertaintyMs ?? null))
      setText(loss, told ? String(told.loss.missingSamples) : '–')
      const off = told?.electrodesOff ?? []
      for (const [name, mark] of dots) {
        const where = off.includes(name) ? ' off' : isUsed(name, identity.leads) ? '' : ' absent'
        mark.setAttribute('class', `electrode${where}`)
      }
      setText(electrodes, off.length > 0 ? `Off: ${off.join(', ')}` : 'Electrodes on')
      electrodes.classList.toggle('warn', off.length > 0)
    },
  }
}

/** A lead of the chest has an electrode of its own; the limbs' serve every lead. */
const isUsed = (name: Electrode, leads: readonly string[]): boolean => !name.startsWith('V') || leads.includes(name)

const TORSO =
  'M50 3c5 0 8 4 8 8 0 2 1 4 5 5l18 5c6 2 9 6 10 12l4 28-6 2-6-20-1 18c0 8-2 14-2 20l-1 16H21l-1-16c0-6-2-12-2-20l-1-18-6 20-6-2 4-28c1-6 4-10 10-12l18-5c4-1 5-3 5-5 0-4 3-8 8-8z'

function dot(name: Electrode): SVGGElement {
  const [x, y] = PLACES[name]
  return svgElement(
    'g',
    { class: 'electrode' },
    svgElement('title', {}, name),
    svgElement('circle', { cx: x, cy: y, r: 3.6 }),
  )
}
