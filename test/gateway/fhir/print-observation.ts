import { type Lead, STANDARD_LEADS } from '../../../ecg/leads.js'
import { Hertz } from '../../../ecg/units.js'
import { alertObservation, type FhirRelease } from '../../../gateway/fhir/alert-observation.js'
import { alertRig, task } from '../alerts/alert-rig.js'

/** Prints the FHIR export of an alert, for the validators of test_fhir.py: `node print-observation.js r4|r5`. */
const rig = alertRig([task('AFIB', { alert: { tier: 'acute', need: 1, of: 1, clearBelow: 0.5 } })])
const [alert] = rig.window({ AFIB: 0.93 })
const leads = STANDARD_LEADS.map((lead, index): [Lead, Int16Array | null] => [
  lead,
  lead === 'V6' ? null : Int16Array.from({ length: 1000 }, (_, i) => ((i * 7 + index) % 2000) - 1000),
])
const observation = alertObservation(
  { alert: alert!, rate: Hertz(100), samples: 1000, leads: new Map(leads), bytes: 24_000 },
  { gateway: 'amb-12', release: process.argv[2] as FhirRelease },
)
process.stdout.write(JSON.stringify(observation))
