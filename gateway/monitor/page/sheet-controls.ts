import { choice } from './choice.js'
import { element } from './element.js'
import type { SettingsStore } from './settings.js'

/** Layout, speed, gain, mode, filter, and a button that holds the picture still. */
export function sheetControls(settings: SettingsStore, frozen: (frozen: boolean) => void): HTMLElement {
  const { layout, speed, gain, mode, baseline } = settings.current
  const freeze = element(
    'button',
    {
      type: 'button',
      class: 'freeze',
      'aria-pressed': 'false',
      onclick() {
        const now = freeze.getAttribute('aria-pressed') !== 'true'
        freeze.setAttribute('aria-pressed', String(now))
        frozen(now)
      },
    },
    'Freeze',
  )
  return element(
    'div',
    { class: 'controls', role: 'toolbar', 'aria-label': 'ECG display' },
    choice(
      'Layout',
      [
        ['3x4', '3 × 4'],
        ['12x1', '12 × 1'],
      ],
      layout,
      value => settings.change({ layout: value }),
    ),
    choice(
      'mm/s',
      [
        [12.5, '12.5'],
        [25, '25'],
        [50, '50'],
      ],
      speed,
      value => settings.change({ speed: value }),
    ),
    choice(
      'mm/mV',
      [
        [5, '5'],
        [10, '10'],
        [20, '20'],
      ],
      gain,
      value => settings.change({ gain: value }),
    ),
    choice(
      'Trace',
      [
        ['sweep', 'Sweep'],
        ['paper', 'Paper'],
      ],
      mode,
      value => settings.change({ mode: value }),
    ),
    choice(
      'High-pass',
      [
        [0.05, '0.05 Hz'],
        [0.5, '0.5 Hz'],
      ],
      baseline,
      value => settings.change({ baseline: value }),
    ),
    freeze,
  )
}
