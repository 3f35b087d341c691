import { join } from 'node:path'
import { type Hertz, Millivolts } from '../../ecg/units.js'
import { MISSING_COUNT, type Recording } from '../../firmware-bridge/recording/recording.js'
import { fields, type Row, record, table } from './collection.js'
import type { Cohort, Episode, Patient } from './patient.js'

/**
 * The cohorts that a data folder has: WFDB records in ptbxl100, mitdb, vfdb, alarms2015, af2017_100hz and onsets, each with its
 * fields.csv and, where there is one, splits.csv, and beside them ptbxl_labels.csv, mitdb_rhythms.csv and vfdb_rhythms.csv. What is
 * not there is left out.
 */

const DAY = 24 * 3600

/** What the columns of ptbxl_labels.csv are named after. */
const KINDS_OF_LABEL = ['super_class', 'sub_class', 'form', 'rhythm']

export interface CohortChoice {
  readonly folder: string
  /** Folds that the model did not see in training: 9 to choose by, 10 to judge by. Records without a fold are all taken. */
  readonly folds: readonly string[]
  /** Tasks that the bundle can alert of. */
  readonly alerting: readonly string[]
}

export async function readCohorts(choice: CohortChoice): Promise<Cohort[]> {
  const made = [
    await normals(choice),
    await fibrillation(choice),
    await handHeld(choice),
    await annotated(choice, 'mitdb', 'MIT-BIH arrhythmia: 30 min of a Holter, 2 leads'),
    await annotated(choice, 'vfdb', 'MIT-BIH malignant ventricular ectopy: 35 min, 2 leads'),
    await bedsideAlarms(choice),
    await onsets(choice),
  ]
  return made.flat()
}

/**
 * PTB-XL records that are normal and have no label that the bundle alerts of, for a normal ECG may hold a premature beat, and
 * one of fold 9 is labelled normal and fibrillating: each alone for a day, and all of them one after the other for a day.
 */
async function normals({ folder, folds, alerting }: CohortChoice): Promise<Cohort[]> {
  const labelled = (row: Row) => alerting.some(task => KINDS_OF_LABEL.some(kind => row[`${kind}:${task}`] === '1'))
  const rows = (await ptbxl(folder)).filter(
    row =>
      folds.includes(row.strat_fold!) &&
      row['super_class:NORM'] === '1' &&
      ['MI', 'STTC', 'CD', 'HYP'].every(name => row[`super_class:${name}`] === '0') &&
      !labelled(row),
  )
  if (rows.length === 0) return []
  const patients = await Promise.all(
    rows.map(async row => ({ ...(await ptbxlPatient(folder, row)), seconds: DAY, annotated: [], episodes: [] })),
  )
  const mixed: Patient = { name: 'everybody', recording: joined(patients), seconds: DAY, annotated: [], episodes: [] }
  return [
    {
      name: 'normals',
      description: 'normal 12-lead records, each for a day',
      normal: true,
      shippedOnly: true,
      patients,
    },
    {
      name: 'normals mixed',
      description: `the same ${patients.length}, ten seconds of each in turn, for a day`,
      normal: true,
      patients: [mixed],
    },
  ]
}

/** PTB-XL records in AF, each for a minute. */
async function fibrillation({ folder, folds }: CohortChoice): Promise<Cohort[]> {
  const rows = (await ptbxl(folder)).filter(row => folds.includes(row.strat_fold!) && row['rhythm:AFIB'] === '1')
  if (rows.length === 0) return []
  const patients = await Promise.all(
    rows.map(async row => ({
      ...(await ptbxlPatient(folder, row)),
      seconds: 60,
      annotated: ['AFIB'],
      episodes: [{ task: 'AFIB', start: 0, end: 60 }],
    })),
  )
  return [{ name: 'AF, 12 leads', description: '12-lead records in AF, for a minute', normal: false, patients }]
}

/** Hand-held one-lead records of CinC 2017 of at least three windows: in AF, and in any other rhythm, normal or not. */
async function handHeld({ folder, folds }: CohortChoice): Promise<Cohort[]> {
  const rows = await fields(folder, 'af2017_100hz', folds)
  const of = async (labels: string): Promise<Patient[]> => {
    const patients: Patient[] = []
    for (const { id, label } of rows.filter(row => labels.includes(row.label!))) {
      const recording = await record(join(folder, 'af2017_100hz', id!))
      const seconds = recording.samples / recording.rate
      const episodes = label === 'A' ? [episode('AFIB', 0, seconds)] : []
      if (seconds >= 20) patients.push({ name: id!, recording, annotated: ['AFIB'], episodes })
    }
    return patients
  }
  if (rows.length === 0) return []
  const description = 'hand-held one-lead records, played once'
  return [
    { name: 'AF, 1 lead', description: `in AF: ${description}`, normal: false, patients: await of('A') },
    {
      name: 'no AF, 1 lead',
      description: `in another rhythm: ${description}`,
      normal: false,
      shippedOnly: true,
      patients: await of('NO'),
    },
  ]
}

/** Task of each rhythm annotation of the two MIT-BIH databases. */
const TASK_OF_RHYTHM: Row = {
  '(AFIB': 'AFIB',
  '(AFL': 'AFLT',
  '(VT': 'VT',
  '(VF': 'VF',
  '(VFIB': 'VF',
  '(VFL': 'VF',
  '(ASYS': 'ASYS',
}

async function annotated({ folder, folds }: CohortChoice, name: string, description: string): Promise<Cohort[]> {
  const rows = await fields(folder, name, folds)
  const rhythms = await table(join(folder, `${name}_rhythms.csv`))
  const patients = await Promise.all(
    rows.map(async ({ id, lead1, lead2 }): Promise<Patient> => {
      const recording = withLeads(await record(join(folder, name, id!)), [lead1!, lead2!])
      const episodes = rhythms
        .filter(row => row.record === id && TASK_OF_RHYTHM[row.rhythm!] !== undefined)
        .map(row =>
          episode(
            TASK_OF_RHYTHM[row.rhythm!]!,
            Number(row.start_sample) / recording.rate,
            Number(row.end_sample) / recording.rate,
          ),
        )
      return { name: id!, recording, annotated: ['AFIB', 'VT', 'VF', 'ASYS'], episodes }
    }),
  )
  return patients.length === 0 ? [] : [{ name, description, normal: false, patients }]
}

const TASK_OF_ALARM: Row = {
  Asystole: 'ASYS',
  Bradycardia: 'EBRADY',
  Tachycardia: 'ETACHY',
  Ventricular_Tachycardia: 'VT',
  Ventricular_Flutter_Fib: 'VF',
}

/** The minute before a bedside monitor's alarm, which was true or not: two cohorts, with the alarm's task as the truth. */
async function bedsideAlarms({ folder, folds }: CohortChoice): Promise<Cohort[]> {
  const rows = await fields(folder, 'alarms2015', folds)
  const of = async (truth: '0' | '1') =>
    Promise.all(
      rows
        .filter(row => row.true_alarm === truth)
        .map(async (row): Promise<Patient> => {
          const raw = withLeads(await record(join(folder, 'alarms2015', row.id!)), [row.lead1!, row.lead2!])
          const recording: Recording = {
            ...raw,
            channels: raw.channels.map((channel, index) => ({
              ...channel,
              lsb: Millivolts(1 / Number(row[`gain${index + 1}`])),
              baseline: Number(row[`baseline${index + 1}`]),
            })),
          }
          const task = TASK_OF_ALARM[row.alarm!] ?? row.alarm!
          const end = recording.samples / recording.rate
          // The alarm came in the last ten seconds (the challenge's rule).
          return {
            name: row.id!,
            recording,
            annotated: [task],
            episodes: truth === '1' ? [episode(task, end - 12, end)] : [],
          }
        }),
    )
  if (rows.length === 0) return []
  return [
    {
      name: 'true alarms',
      description: 'a minute before a true bedside alarm',
      normal: false,
      patients: await of('1'),
    },
    {
      name: 'false alarms',
      description: 'a minute before a false bedside alarm',
      normal: false,
      patients: await of('0'),
    },
  ]
}

/** Simulated patients: fields.csv says which condition begins when. Written by bench/simulated_onsets.py. */
async function onsets({ folder }: CohortChoice): Promise<Cohort[]> {
  const rows = await table(join(folder, 'onsets/fields.csv'))
  const patients = await Promise.all(
    rows.map(async ({ id, task, onset }): Promise<Patient> => {
      const recording = await record(join(folder, 'onsets', id!))
      const end = recording.samples / recording.rate
      return { name: id!, recording, annotated: [task!], episodes: [episode(task!, Number(onset), end)] }
    }),
  )
  return patients.length === 0
    ? []
    : [{ name: 'onsets', description: 'simulated: sinus rhythm, and then not', normal: false, patients }]
}

const episode = (task: string, start: number, end: number): Episode => ({ task, start, end })

async function ptbxl(folder: string): Promise<Row[]> {
  const ids = new Set((await table(join(folder, 'ptbxl100/fields.csv'))).map(({ id }) => id))
  const rows = await table(join(folder, 'ptbxl_labels.csv'))
  return rows.filter(row => ids.has(ptbxlName(row)))
}

const ptbxlName = ({ ecg_id }: Row): string => `${ecg_id!.padStart(5, '0')}_lr`

const ptbxlPatient = async (folder: string, row: Row) => {
  const name = ptbxlName(row)
  return { name, recording: await record(join(folder, 'ptbxl100', name)) }
}

/** Named as the standard leads that they are, or come nearest to. */
function withLeads(recording: Recording, leads: readonly string[]): Recording {
  const used = new Set<string>()
  const channels = recording.channels.map((channel, index) => {
    const wanted = NEAREST[leads[index]!.toUpperCase()] ?? leads[index]!
    const name = used.has(wanted) ? 'V1' : wanted
    used.add(name)
    return { ...channel, name }
  })
  return { ...recording, channels }
}

/** MLII: a modified II. "V" of a bedside monitor is most often V1; "ECG" tells nothing, and is taken as II and V1. */
const NEAREST: Row = { MLII: 'II', MCL1: 'V1', MCL: 'V1', V: 'V1', ECG: 'II', ABP: 'ABP' }

function joined(patients: readonly Patient[]): Recording {
  const [{ recording: first }] = patients as [Patient]
  const channels = first.channels.map((channel, c) => {
    const parts = patients.map(({ recording }) => recording.channels[c]!.counts)
    const counts = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0)).fill(MISSING_COUNT)
    let at = 0
    for (const part of parts) {
      counts.set(part, at)
      at += part.length
    }
    return { ...channel, counts }
  })
  return { name: 'joined', rate: first.rate as Hertz, samples: channels[0]!.counts.length, channels }
}
