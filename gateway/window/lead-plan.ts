import { type Lead, standardLead } from '../../ecg/leads.js'

/** `weight` × the device's channel number `channel`. */
export interface LeadTerm {
  readonly channel: number
  readonly weight: number
}

/** How a lead follows from the device's channels: from one as it is, from two as a weighted sum, or, without terms, not. */
export interface PlannedLead {
  readonly lead: Lead
  readonly terms: readonly LeadTerm[]
}

/** Every limb lead as (weight of I, weight of II): spec/ecg-link.md, Behaviour 5. In order of preference as a source. */
const LIMB_LEADS: readonly (readonly [Lead, number, number])[] = [
  ['I', 1, 0],
  ['II', 0, 1],
  ['III', -1, 1],
  ['aVR', -0.5, -0.5],
  ['aVL', 1, -0.5],
  ['aVF', -0.5, 1],
]

/**
 * How each of `leads` follows from channels of the given names. I, II and V1–V6 are the truth: where a device has I and II,
 * its own III, aVR, aVL and aVF are not used, so that an 8-lead stream and a 12-lead record of it give the same numbers.
 * Without one of them, the first two limb leads there are take their place, because any two determine the other four.
 */
export function planLeads(channelNames: readonly string[], leads: readonly Lead[]): PlannedLead[] {
  const found = new Map<Lead, number>()
  channelNames.forEach((name, channel) => {
    const lead = standardLead(name)
    if (lead && !found.has(lead)) found.set(lead, channel)
  })
  const [a, b] = LIMB_LEADS.filter(([lead]) => found.has(lead))
  return leads.map(lead => {
    const limb = LIMB_LEADS.find(([name]) => name === lead)
    if (!limb || !a || !b) return { lead, terms: found.has(lead) ? [{ channel: found.get(lead)!, weight: 1 }] : [] }
    const [[nameA, a1, a2], [nameB, b1, b2], [, p, q]] = [a, b, limb]
    const determinant = a1 * b2 - a2 * b1
    const terms = [
      { channel: found.get(nameA)!, weight: (p * b2 - q * b1) / determinant },
      { channel: found.get(nameB)!, weight: (q * a1 - p * a2) / determinant },
    ]
    return { lead, terms: terms.filter(term => term.weight !== 0) }
  })
}
