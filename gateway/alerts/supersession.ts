/** By task id: the tasks that it makes superfluous. */
export type Supersession = Readonly<Record<string, readonly string[]>>

/**
 * Which finding makes which others superfluous: while an alert of the first is up, the others neither start nor stay.
 * An irregular atrial rhythm is read as premature beats, a complete block as an incomplete one, and so on: the
 * second alert would tell the reader nothing that the first does not.
 */
export const SUPERSEDES: Supersession = {
  VF: ['VT', 'ETACHY', 'PVC'],
  ASYS: ['EBRADY', 'SBRAD'],
  VT: ['ETACHY', 'PVC', 'BIGU', 'TRIGU'],
  ETACHY: ['STACH'],
  EBRADY: ['SBRAD'],
  AFIB: ['PAC', 'SVARR', 'SARRH'],
  AFLT: ['PAC', 'SVARR'],
  '3AVB': ['2AVB', '1AVB'],
  '2AVB': ['1AVB'],
  CLBBB: ['ILBBB', 'IVCD'],
  CRBBB: ['IRBBB', 'IVCD'],
  BIGU: ['PVC'],
  TRIGU: ['PVC'],
}
