import { z } from 'zod'
import { type Bundle, readBundleFile } from '../../models/bundle/load-bundle.js'
import { EngineStartError } from './inference-error.js'

/** The bundle's self-test: windows with the probabilities that each variant gave where it was made. */
export interface Goldens {
  /** `leads × samples` mV each. */
  readonly windows: readonly Float32Array[]
  /** By variant file, per window, per task. */
  readonly expected: Readonly<Record<string, readonly (readonly number[])[]>>
  readonly tolerance: number
}

const MICROVOLTS_PER_MILLIVOLT = 1000

export async function readGoldens(bundle: Bundle): Promise<Goldens> {
  const { goldens, input } = bundle.manifest
  const tasks = modelTasks(bundle)
  const values = input.leads.length * input.samples
  const bytes = await readBundleFile(bundle, goldens.inputs)
  const microvolts = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const windows = Array.from({ length: goldens.count }, (_, window) => {
    const signal = new Float32Array(values)
    for (let i = 0; i < values; i++)
      signal[i] = microvolts.getInt16((window * values + i) * 2, true) / MICROVOLTS_PER_MILLIVOLT
    return signal
  })

  const json = (await readBundleFile(bundle, goldens.expected)).toString('utf8')
  const schema = z.record(z.string(), z.array(z.array(z.number()).length(tasks)).length(goldens.count))
  try {
    return { windows, expected: schema.parse(JSON.parse(json)), tolerance: goldens.tolerance }
  } catch (cause) {
    throw new EngineStartError(
      'GOLDENS_INVALID',
      `${goldens.expected} does not hold ${goldens.count} × ${tasks} probabilities a variant; have the bundle built again`,
      { cause },
    )
  }
}

/** Tasks that the bundle's own files are about. An overlay must not change what the goldens prove. */
export function modelTasks({ manifest, modelTasks = manifest.tasks.length }: Bundle): number {
  return modelTasks
}

/** Largest deviation from what is expected, and the task (by index) that shows it. Heads that a site has added have no goldens. */
export function worstDeviation(
  probabilities: readonly Float32Array[],
  expected: readonly (readonly number[])[],
  sources?: Bundle['sources'],
): { deviation: number; task: number } {
  let worst = { deviation: 0, task: 0 }
  probabilities.forEach((window, w) => {
    window.forEach((probability, task) => {
      const source = sources?.[task] ?? { logit: task }
      if ('head' in source) return
      const deviation = Math.abs(probability - expected[w]![source.logit]!)
      if (deviation > worst.deviation) worst = { deviation, task }
    })
  })
  return worst
}
