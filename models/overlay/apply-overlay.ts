import type { Bundle } from '../bundle/load-bundle.js'
import type { Manifest, Task } from '../bundle/manifest.js'
import type { Overlay, OverlayHead, TaskSource } from './overlay.js'
import { OverlayError } from './overlay-error.js'

/**
 * The bundle as the site wants it: its manifest lists the tasks that are left, with the site's thresholds, then those that were
 * added. Files, hash and goldens stay the bundle's own. Throws an `OverlayError`.
 */
export function applyOverlay(bundle: Bundle, overlay: Overlay): Bundle {
  const { manifest } = bundle
  if (overlay.bundle !== bundle.sha256)
    throw new OverlayError(
      'OVERLAY_FOR_ANOTHER_BUNDLE',
      `The overlay ${overlay.name} is for bundle ${overlay.bundle.slice(0, 12)}…, not for ${manifest.name} ${manifest.version} (${bundle.sha256.slice(0, 12)}…); make one for it`,
    )
  const fault = faultOf(manifest, overlay)
  if (fault !== undefined)
    throw new OverlayError('OVERLAY_INCONSISTENT', `The overlay ${overlay.name} cannot be used: ${fault}`)
  const kept = [...manifest.tasks.entries()].filter(([, { id }]) => !overlay.disable.includes(id))
  const sources: TaskSource[] = [...kept.map(([logit]) => ({ logit })), ...overlay.heads.map(head => ({ head }))]
  const tasks = [...kept.map(([, task]) => retuned(task, overlay)), ...overlay.heads.map(({ task }) => task)]
  const version = `${manifest.version}+${overlay.name}`
  return { ...bundle, manifest: { ...manifest, version, tasks }, sources, modelTasks: manifest.tasks.length }
}

function retuned(task: Task, { thresholds }: Overlay): Task {
  const change = thresholds[task.id]
  if (change === undefined) return task
  const { value, rule } = change
  const clearBelow = change.clearBelow ?? Math.min(value, task.alert?.clearBelow ?? value)
  const ruleOut = task.ruleOut && task.ruleOut.value <= value ? task.ruleOut : undefined // what alerts is not ruled out
  return { ...task, threshold: { value, rule }, ruleOut, alert: task.alert && { ...task.alert, clearBelow } }
}

function faultOf({ tasks, heads }: Manifest, overlay: Overlay): string | undefined {
  const ids = new Set(tasks.map(({ id }) => id))
  const unknown = [...overlay.disable, ...Object.keys(overlay.thresholds)].find(id => !ids.has(id))
  if (unknown !== undefined) return `the bundle has no task ${unknown}`
  const off = overlay.disable.find(id => id in overlay.thresholds)
  if (off !== undefined) return `task ${off} is disabled, yet has a threshold`
  const [high] = Object.entries(overlay.thresholds).find(([, { value, clearBelow = 0 }]) => clearBelow > value) ?? []
  if (high !== undefined) return `task ${high} would clear above its threshold`
  const added = overlay.heads.map(({ task }) => task.id)
  const twice = added.find((id, i) => ids.has(id) || added.indexOf(id) !== i)
  if (twice !== undefined) return `task ${twice} is there already`
  if (tasks.length === new Set(overlay.disable).size && added.length === 0) return 'no task would be left'
  return overlay.heads.map(head => headFault(head, heads)).find(fault => fault !== undefined)
}

function headFault({ task, weights, cosineScale }: OverlayHead, heads: Manifest['heads']): string | undefined {
  if (heads === undefined) return 'the bundle gives no pooled features, on which a head could stand'
  if (weights.length !== 2 * heads.channels)
    return `task ${task.id} has ${weights.length} weights; the pooled features are ${2 * heads.channels}`
  if (cosineScale !== null && weights.every(weight => weight === 0)) return `the row of task ${task.id} is all zero`
  if (task.ruleOut && task.ruleOut.value > task.threshold.value)
    return `task ${task.id} is ruled out above its threshold`
  if (task.alert === null) return undefined
  if (task.evidence === null) return `task ${task.id} may alert without evidence; set its alert to null`
  if (task.alert.need > task.alert.of || task.alert.clearBelow > task.threshold.value)
    return `the alert of task ${task.id} could never start or never end`
  return undefined
}
