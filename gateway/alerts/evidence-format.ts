/** How the window behind an alert may be told: as the gateway's own message, or as an Observation of FHIR. */
export const EVIDENCE_FORMATS = ['int16', 'fhir-r4', 'fhir-r5'] as const
export type EvidenceFormat = (typeof EVIDENCE_FORMATS)[number]
