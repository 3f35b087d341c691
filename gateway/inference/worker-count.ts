import { Millis } from '../../ecg/units.js'

/** A recording is read by one thread and answered by the others; each worker holds the model in memory once more. */
const MOST_WORKERS_UNASKED = 2

/** If all patients' windows are complete at the same moment, the last answer is to come within this: half of what is promised. */
const BURST = Millis(250)

/** Leaves one core to the event loop, unless the patients are known, and their windows need it. */
export function workersFor(patients: number | undefined, windowMs: number, cores: number): number {
  const wanted = patients === undefined ? Math.min(MOST_WORKERS_UNASKED, cores - 1) : (patients * windowMs) / BURST
  return Math.max(1, Math.min(cores, Math.ceil(wanted)))
}
