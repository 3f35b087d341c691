import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { env, listSupportedBackends } from 'onnxruntime-node'
import { libraries } from './providers.js'

/** What a measurement of candidates depends on beside the bundle: when any of it changes, it is made anew. */
export function describeBoard(): string {
  return JSON.stringify({
    board: readIfThere('/proc/device-tree/model'),
    cpu: [process.platform, process.arch, cpus()[0]?.model, availableParallelism()],
    accelerators: ACCELERATORS.flatMap(([folder, pattern]) => namesIn(folder).filter(name => pattern.test(name))),
    drivers: [process.env.VK_ICD_FILENAMES, process.env.VK_DRIVER_FILES, ...DRIVERS.flatMap(namesIn)],
    runtime: [process.versions.node, env.versions.node, listSupportedBackends().map(({ name }) => name)],
    libraries: libraries().map(path => [path, existsSync(path) && statSync(path).mtimeMs]),
  })
}

/** Device nodes of GPUs and NPUs. */
const ACCELERATORS: readonly (readonly [folder: string, name: RegExp])[] = [
  ['/dev', /^(nvidia\d|nvhost-gpu|apex_|galcore|mali|kfd)/],
  ['/dev/dri', /^render/],
  ['/dev/accel', /./],
]
/** Where Vulkan drivers register themselves. */
const DRIVERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d']

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
