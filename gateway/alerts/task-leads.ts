import type { Lead } from '../../ecg/leads.js'

/**
 * The leads without which a task cannot be judged. A window that lacks one of them neither confirms nor clears the task.
 * Rhythms can be read from any lead, so they and all tasks not listed need none in particular.
 */

const INFERIOR = ['II', 'III', 'aVF'] as const
const ANTERIOR = ['V1', 'V2', 'V3', 'V4'] as const
const LATERAL = ['I', 'aVL', 'V5', 'V6'] as const
const POSTERIOR = ['V1', 'V2', 'V3'] as const // seen from the front, as reciprocal change
const BUNDLE_BRANCHES = ['I', 'V1', 'V6'] as const
const FRONTAL_AXIS = ['I', 'aVF'] as const
const ATRIA = ['II', 'V1'] as const
const VENTRICULAR_MASS = ['V1', 'V2', 'V5', 'V6'] as const

const LEADS_OF_TASK: Readonly<Record<string, readonly Lead[]>> = {
  ...forAll(['IMI', 'INJIN', 'ISCIN'], INFERIOR),
  ...forAll(['ILMI', 'INJIL', 'ISCIL'], [...INFERIOR, ...LATERAL]),
  ...forAll(['ASMI', 'AMI', 'INJAS', 'ISCAS', 'ISCAN'], ANTERIOR),
  ...forAll(['ALMI', 'INJAL', 'ISCAL'], [...ANTERIOR, ...LATERAL]),
  ...forAll(['LMI', 'INJLA', 'ISCLA'], LATERAL),
  PMI: POSTERIOR,
  IPMI: [...INFERIOR, ...POSTERIOR],
  IPLMI: [...INFERIOR, ...POSTERIOR, ...LATERAL],
  ...forAll(['CLBBB', 'CRBBB', 'ILBBB', 'IRBBB', 'IVCD'], BUNDLE_BRANCHES),
  ...forAll(['LAFB', 'LPFB', 'LAFB/LPFB'], FRONTAL_AXIS),
  ...forAll(['LAO/LAE', 'RAO/RAE'], ATRIA),
  ...forAll(['LVH', 'VCLVH', 'RVH', 'SEHYP'], VENTRICULAR_MASS),
}

/** Which of the unusable leads the task cannot do without. Empty: the task can be judged. */
export function missingLeads(taskId: string, unusable: readonly Lead[]): Lead[] {
  if (unusable.length === 0) return []
  return (LEADS_OF_TASK[taskId] ?? []).filter(lead => unusable.includes(lead))
}

function forAll(tasks: readonly string[], leads: readonly Lead[]): Record<string, readonly Lead[]> {
  return Object.fromEntries(tasks.map(task => [task, leads]))
}
