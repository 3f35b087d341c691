import { readFileSync } from 'node:fs'
import { STANDARD_LEADS } from '../../../ecg/leads.js'
import type { Manifest } from '../../../models/bundle/manifest.js'

/** The input of a bundle such as the project ships: 12 leads, 10 s at 100 Hz, with filters from 500, 250, 360 and 128 Hz. */
export function bundleInput(): Manifest['input'] {
  const { filters } = JSON.parse(readFileSync('test/gateway/window/vectors/resampling.json', 'utf8'))
  return {
    name: 'ecg',
    rate: 100,
    samples: 1000,
    leads: [...STANDARD_LEADS],
    unit: 'mV',
    missing: 'zero',
    minimumLeads: 1,
    resampling: filters,
  }
}
