import type { Lead } from '../../ecg/leads.js'
import type { FindingEvidence } from '../alerts/alert.js'
import type { EvidenceWindow } from '../alerts/evidence-window.js'

/**
 * An alert with the ECG behind it as a FHIR Observation, an export for record systems; alerts themselves go over MQTT.
 * R4 and R5 differ, here, only in how SampledData states its rate (R4 `period`, R5 `interval` and `intervalUnit`).
 */
export type FhirRelease = 'r4' | 'r5'

export interface FhirObservation {
  readonly resourceType: 'Observation'
  readonly [key: string]: unknown
}

/** ISO/IEEE 11073-10101, partition 2: MDC_ECG_ELEC_POTL and that of each lead. */
const MDC = 'urn:iso:std:iso:11073:10101'
const ECG_POTENTIAL = 131328
const LEAD_CODES: Readonly<Record<Lead, number>> = {
  I: 131329,
  II: 131330,
  V1: 131331,
  V2: 131332,
  V3: 131333,
  V4: 131334,
  V5: 131335,
  V6: 131336,
  III: 131389,
  aVR: 131390,
  aVL: 131391,
  aVF: 131392,
}

const LOINC = 'http://loinc.org'
const UCUM = 'http://unitsofmeasure.org'
const LOCAL = 'urn:ecgclip:alert'
const MILLIVOLTS_PER_COUNT = 0.001
const MILLISECONDS = 1000

export function alertObservation(
  { alert, rate, leads }: EvidenceWindow,
  { gateway, release }: { readonly gateway: string; readonly release: FhirRelease },
): FhirObservation {
  const { id, condition, device, raised, signal } = alert
  const { probability, threshold, model } = alert.evidence as FindingEvidence
  const start = new Date(signal!.start).toISOString()
  const end = new Date(signal!.end).toISOString()
  const effectivePeriod = { start, end }
  const ecg = {
    resourceType: 'Observation',
    id: 'ecg',
    status: 'final',
    category: PROCEDURE,
    code: coded(MDC, String(ECG_POTENTIAL), 'MDC_ECG_ELEC_POTL'),
    effectivePeriod,
    device: { identifier: { system: 'urn:ecgclip:device', value: device }, display: device },
    component: [...leads].map(([lead, counts]) => ({
      code: coded(MDC, String(LEAD_CODES[lead]), `MDC_ECG_ELEC_POTL_${lead.toUpperCase()}`),
      ...(counts === null ? NOT_MEASURED : { valueSampledData: sampled(counts, rate, release) }),
    })),
  }
  return {
    resourceType: 'Observation',
    id,
    contained: [ecg],
    identifier: [{ system: LOCAL, value: id }],
    status: 'preliminary', // nobody has looked at it
    category: PROCEDURE,
    code: coded(LOINC, '8601-7', 'EKG impression'),
    effectivePeriod,
    issued: new Date(raised).toISOString(),
    valueCodeableConcept: {
      ...(condition.codes.length > 0 && { coding: condition.codes.map(code => ({ ...code })) }),
      text: condition.display,
    },
    note: [{ text: 'Advisory output of a statistical model, not reviewed by anyone. Not from a medical device.' }],
    device: {
      identifier: { system: 'urn:ecgclip:gateway', value: gateway },
      display: `ecgclip gateway ${gateway}, model ${model.bundle} ${model.version} (${model.precision})`,
    },
    derivedFrom: [{ reference: '#ecg' }],
    component: [ratio('probability', probability), ratio('threshold', threshold)],
  }
}

const PROCEDURE = [coded('http://terminology.hl7.org/CodeSystem/observation-category', 'procedure', 'Procedure')]

const NOT_MEASURED = {
  dataAbsentReason: coded('http://terminology.hl7.org/CodeSystem/data-absent-reason', 'not-performed', 'Not Performed'),
}

function coded(system: string, code: string, display: string) {
  return { coding: [{ system, code, display }] }
}

/** No code system has these words. */
function ratio(name: string, value: number) {
  return {
    code: { coding: [{ system: LOCAL, code: name }], text: name },
    valueQuantity: { value, system: UCUM, code: '1' },
  }
}

function sampled(counts: Int16Array, rate: number, release: FhirRelease) {
  const interval = MILLISECONDS / rate
  return {
    origin: { value: 0, unit: 'mV', system: UCUM, code: 'mV' },
    ...(release === 'r4' ? { period: interval } : { interval, intervalUnit: 'ms' }),
    factor: MILLIVOLTS_PER_COUNT,
    dimensions: 1,
    data: counts.join(' '),
  }
}
