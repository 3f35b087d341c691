/** The standard leads and electrodes, and which lead needs which electrode. */

/** The twelve leads in the order that models, records and the page use everywhere. */
export const STANDARD_LEADS = ['I', 'II', 'III', 'aVR', 'aVL', 'aVF', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'] as const
export type Lead = (typeof STANDARD_LEADS)[number]

/** The leads that carry all the information of a 12-lead ECG; the other four follow from I and II. */
export const INDEPENDENT_LEADS = ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'] as const satisfies readonly Lead[]

/** Bit n of a SAMPLES packet's "electrodes off" field is electrode n of this list (spec/ecg-link.md, SAMPLES, offset 10). */
export const ELECTRODES = ['RA', 'LA', 'LL', 'RL', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'] as const
export type Electrode = (typeof ELECTRODES)[number]

const LIMB_ELECTRODE_BITS = 0b0111 // RA, LA, LL: Wilson's terminal, so every lead refers to them

/**
 * Modified leads of ambulatory and bedside recorders, by the lead that they stand for. A five-electrode monitor's "V" is
 * placed at V1 (AHA practice standards for electrocardiographic monitoring, Sandau et al. 2017).
 */
const MODIFIED: Readonly<Record<string, Lead>> = {
  MLI: 'I',
  MLII: 'II',
  MLIII: 'III',
  MCL: 'V1',
  MCL1: 'V1',
  V: 'V1',
}

/** A device's name for a lead in the standard spelling ("AVR", "avr" and "aVR" are one lead), or undefined for any other channel. */
export function standardLead(name: string): Lead | undefined {
  const wanted = name.trim().toUpperCase()
  if (Object.hasOwn(MODIFIED, wanted)) return MODIFIED[wanted]
  return STANDARD_LEADS.find(lead => lead.toUpperCase() === wanted)
}

/** Names of the electrodes whose bit is set. Bits above V6 are reserved and ignored. */
export function electrodesFromBits(bits: number): Electrode[] {
  return ELECTRODES.filter((_, bit) => (bits >> bit) & 1)
}

/**
 * Leads that cannot be used while the given electrodes are off (spec/ecg-link.md, Behaviour 5): RA, LA or LL takes every
 * lead, because the V leads refer to Wilson's terminal; RL, the driven ground, takes none; V*n* takes its own lead.
 */
export function leadsOff(electrodeBits: number): Lead[] {
  if (electrodeBits & LIMB_ELECTRODE_BITS) return [...STANDARD_LEADS]
  return STANDARD_LEADS.filter(lead => {
    const bit = (ELECTRODES as readonly string[]).indexOf(lead)
    return bit >= 4 && (electrodeBits >> bit) & 1
  })
}
