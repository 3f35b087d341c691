import { BundleError, type BundleErrorCode } from './bundle-error.js'
import { type Manifest, ManifestSchema } from './manifest.js'

/** Name of its file in a bundle. */
export const MANIFEST = 'manifest.json'
/** 89 tasks with evidence and the filters for a dozen rates come to less than 1 MiB. */
export const MAX_MANIFEST_BYTES = 8 * 2 ** 20
/** One file: fp32 weights of a network ten times the one planned (ResNet-34, 29 MB). */
export const MAX_FILE_BYTES = 256 * 2 ** 20
/** All files of a bundle: what a board's card can hold twice (A/B) without thought. */
export const MAX_BUNDLE_BYTES = 1024 * 2 ** 20

/** Relative; room for the rounding of three double operations and for nothing else. */
const RATE_TOLERANCE = 1e-12

const BYTES_PER_GOLDEN_VALUE = 2 // int16

/** The manifest in these bytes, schema and meaning checked, frozen. `bundle` names it in errors. Throws the first `BundleError`. */
export function parseManifest(bundle: string, bytes: Uint8Array): Manifest {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new BundleError(
      'BUNDLE_MANIFEST_INVALID',
      `${bundle}: manifest.json is not JSON; have the bundle built again`,
      cause,
    )
  }
  const parsed = ManifestSchema.safeParse(json)
  if (!parsed.success) {
    const [first, ...others] = parsed.error.issues
    const more = others.length > 0 ? ` (and ${others.length} more)` : ''
    throw new BundleError(
      'BUNDLE_MANIFEST_INVALID',
      `${bundle}: manifest.json: ${first!.path.join('.') || 'top level'}: ${first!.message}${more}; have the bundle built again`,
      parsed.error,
    )
  }
  for (const [code, fault] of faults(parsed.data)) throw new BundleError(code, `${bundle}: manifest.json: ${fault}`)
  return deepFreeze(parsed.data)
}

/** What the schema cannot say: how the parts must agree with one another. */
function* faults(manifest: Manifest): Generator<[BundleErrorCode, string]> {
  yield* inputFaults(manifest)
  yield* taskFaults(manifest)
  yield* fileFaults(manifest)
}

function* inputFaults({ input }: Manifest): Generator<[BundleErrorCode, string]> {
  const lead = repeated(input.leads)
  if (lead !== undefined) yield ['BUNDLE_LEADS_INCONSISTENT', `lead ${lead} is listed twice; name each lead once`]
  if (input.minimumLeads > input.leads.length)
    yield ['BUNDLE_LEADS_INCONSISTENT', `minimumLeads is ${input.minimumLeads} of ${input.leads.length}; lower it`]
  const rate = repeated(input.resampling.map(({ from }) => from))
  if (rate !== undefined) yield ['BUNDLE_RESAMPLING_INCONSISTENT', `two filters from ${rate} Hz; keep one`]
  for (const { from, up, down, taps } of input.resampling) {
    if (taps.length % 2 === 0)
      yield ['BUNDLE_RESAMPLING_INCONSISTENT', `the filter from ${from} Hz has ${taps.length} taps; make it odd`]
    if (Math.abs((from * up) / down - input.rate) > RATE_TOLERANCE * input.rate)
      yield [
        'BUNDLE_RESAMPLING_INCONSISTENT',
        `${from} Hz × ${up} / ${down} is not ${input.rate} Hz; correct up and down`,
      ]
  }
}

function* taskFaults({ tasks }: Manifest): Generator<[BundleErrorCode, string]> {
  const task = repeated(tasks.map(({ id }) => id))
  if (task !== undefined) yield ['BUNDLE_TASK_REPEATED', `task ${task} is listed twice; keep one`]
  for (const { id, alert, evidence, threshold, ruleOut } of tasks) {
    if (ruleOut && ruleOut.value > threshold.value)
      yield ['BUNDLE_RULE_OUT_INCONSISTENT', `task ${id} is ruled out above its threshold; lower ruleOut`]
    if (alert === null) continue
    if (evidence === null)
      yield ['BUNDLE_ALERT_WITHOUT_EVIDENCE', `task ${id} may alert without evidence; set its alert to null`]
    if (alert.need > alert.of)
      yield ['BUNDLE_ALERT_INCONSISTENT', `task ${id} needs ${alert.need} of ${alert.of} windows; lower need`]
    if (alert.clearBelow > threshold.value)
      yield ['BUNDLE_ALERT_INCONSISTENT', `task ${id} clears above its threshold; lower clearBelow`]
  }
}

function* fileFaults({
  input,
  tasks,
  variants,
  heads,
  quality,
  goldens,
  files,
}: Manifest): Generator<[BundleErrorCode, string]> {
  const variant = repeated(variants.map(({ file }) => file))
  if (variant !== undefined) yield ['BUNDLE_VARIANT_REPEATED', `variant ${variant} is listed twice; keep one`]
  const optional = [heads, quality].flatMap(it => it?.file ?? [])
  const used = [...variants.map(({ file }) => file), goldens.inputs, goldens.expected, ...optional]
  for (const file of used)
    if (!Object.hasOwn(files, file)) yield ['BUNDLE_FILE_UNDECLARED', `${file} is used but not in files; list it there`]
  const bytes = goldens.count * input.leads.length * input.samples * BYTES_PER_GOLDEN_VALUE
  if (files[goldens.inputs]?.bytes !== bytes)
    yield ['BUNDLE_GOLDENS_INCONSISTENT', `${goldens.inputs} must have ${bytes} bytes for ${goldens.count} windows`]
  if (heads && files[heads.file]?.bytes !== headsBytes(tasks.length, heads.channels))
    yield ['BUNDLE_HEADS_INCONSISTENT', `${heads.file} must have ${headsBytes(tasks.length, heads.channels)} bytes`]
  let total = 0
  for (const [file, { bytes }] of Object.entries(files)) {
    total += bytes
    if (bytes > MAX_FILE_BYTES || total > MAX_BUNDLE_BYTES)
      yield [
        'BUNDLE_TOO_LARGE',
        `${file} takes the bundle over ${MAX_FILE_BYTES} bytes a file or ${MAX_BUNDLE_BYTES} in all; make it smaller`,
      ]
  }
}

/** Of the file that `heads` describes. */
function headsBytes(tasks: number, channels: number): number {
  return tasks * (2 * channels + 1) * Float32Array.BYTES_PER_ELEMENT
}

function repeated<T>(values: readonly T[]): T | undefined {
  return values.find((value, index) => values.indexOf(value) !== index)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze)
  return value
}
