import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Seconds } from '../ecg/units.js'
import { readRecording } from '../firmware-bridge/recording/read-recording.js'
import { type Bundle, verifyBundle } from '../models/bundle/load-bundle.js'
import { readTrustedKeys } from '../models/bundle/trusted-keys.js'
import { overlaid } from '../models/overlay/overlaid.js'
import { SHIPPED_BUNDLE, SHIPPED_TRUST } from '../models/shipped-assets.js'
import { mapAssess } from './inference/map-assess.js'
import { publishedProbabilities } from './inference/published-probabilities.js'
import { type BundleEngine, startEngine } from './inference/start-engine.js'
import type { EcgWindow, WindowQuality } from './window/ecg-window.js'
import { recordingWindows } from './window/recording-windows.js'

/** The gateway's windows and its engine, over records on disk instead of devices. */
export interface OfflineModel {
  readonly bundle: Bundle
  readonly engine: BundleEngine
  close(): Promise<void>
}

export interface ModelChoice {
  readonly bundle?: string
  readonly trust?: string
  readonly overlay?: string
  readonly variant?: string
  readonly provider?: string
}

export async function openOfflineModel(choice: ModelChoice): Promise<OfflineModel> {
  const trusted = await readTrustedKeys([SHIPPED_TRUST, ...(choice.trust === undefined ? [] : [choice.trust])])
  const overlay = await overlaid(choice.overlay, async () => trusted)
  const bundle = overlay(await verifyBundle(choice.bundle ?? SHIPPED_BUNDLE, trusted))
  const engine = await startEngine(bundle, { ...choice, cache: cacheFolder() })
  return { bundle, engine, close: () => engine.close() }
}

/**
 * Of the user's, where systemd or the desktop says it is: what was measured of this machine. None for a user without a home, as a
 * container's is.
 */
function cacheFolder(): string | undefined {
  const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env
  if (CACHE_DIRECTORY !== undefined) return CACHE_DIRECTORY
  const parent = XDG_CACHE_HOME ?? (HOME === undefined ? undefined : join(HOME, '.cache'))
  return parent === undefined ? undefined : join(parent, 'ecgclip')
}

/** One line of `assess --json` (spec/cli.md). */
export interface RecordAssessment {
  readonly record: string
  readonly window: number
  readonly start_s: number
  readonly quality: WindowQuality
  /** Probability by task id; empty for a window that is uninterpretable. */
  readonly tasks: Record<string, number>
  readonly variant: string
  readonly provider: string
  /** Time inside the model. */
  readonly ms: number
}

/** All windows of all records, in order. */
export async function* assessRecords(
  { bundle, engine }: OfflineModel,
  paths: readonly string[],
  hopSeconds: number,
): AsyncGenerator<RecordAssessment> {
  const { manifest, quality } = bundle
  const taskIds = manifest.tasks.map(({ id }) => id)
  for (const path of await recordsAt(paths)) {
    const { recording } = await readRecording(path)
    const windows = recordingWindows(recording, manifest.input, Seconds(hopSeconds), quality)
    for await (const [window, inference] of mapAssess(engine, windows, interpretable, engine.workers + 1))
      yield {
        record: recording.name,
        window: window.index,
        start_s: window.firstSample / window.rate,
        quality: window.quality,
        tasks: inference ? publishedProbabilities(inference.probabilities, taskIds) : {},
        variant: (inference?.model ?? engine.model).variant,
        provider: (inference?.model ?? engine.model).provider,
        ms: Number((inference?.modelMs ?? 0).toFixed(3)),
      }
  }
}

function interpretable({ quality, signal }: EcgWindow): Float32Array | undefined {
  return quality === 'uninterpretable' ? undefined : signal
}

/** Record paths as given; a folder stands for every record in it and below, in the order of their names. */
export async function recordsAt(paths: readonly string[]): Promise<string[]> {
  const records: string[] = []
  for (const path of paths) {
    const isFolder = await stat(path).then(
      it => it.isDirectory(),
      () => false,
    )
    if (!isFolder) records.push(path)
    else {
      const names = await readdir(path, { recursive: true })
      records.push(
        ...names
          .filter(name => /\.(hea|edf)$/i.test(name))
          .sort()
          .map(name => join(path, name)),
      )
    }
  }
  return records
}
