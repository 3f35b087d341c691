import { existsSync } from 'node:fs'
import { listSupportedBackends } from 'onnxruntime-node'
import type { Variant } from '../../models/bundle/manifest.js'
import type { RuntimeSetup } from './worker-protocol.js'

/** What can run a variant: by the format of its file, and by a name as in the manifest and the configuration. */
export interface Provider {
  readonly format: Variant['format']
  readonly name: string
  /** What it computes on, and by what. */
  readonly runs: string
  /** What has to be on the machine. */
  readonly needs: string
  /** How it gets there; empty: it is there. */
  readonly get: string
}

/** Environment variable with the path of `libLiteRt.so`. */
const LITERT_LIBRARY = 'ECGCLIP_LITERT'
/** … of `libtensorflowlite_c.so`, of an external delegate's library, and that delegate's options: `key:value;key:value`. */
const TFLITE_LIBRARY = 'ECGCLIP_TFLITE'
const DELEGATE_LIBRARY = 'ECGCLIP_TFLITE_DELEGATE'
const DELEGATE_OPTIONS = 'ECGCLIP_TFLITE_DELEGATE_OPTIONS'

const LITERT = `LiteRT 2, with ${LITERT_LIBRARY} set to the path of its libLiteRt.so`
const LITERT_WHEEL = 'pip download --no-deps ai-edge-litert, then unzip the wheel: the library is in ai_edge_litert/'
const NVIDIA_BUILD =
  'on x64, npm rebuild onnxruntime-node with --onnxruntime-node-install=cuda12; on Jetson build ONNX Runtime and its Node binding (docs/boards.md)'

export const PROVIDERS: readonly Provider[] = [
  { format: 'onnx', name: 'cpu', runs: 'any CPU, by ONNX Runtime', needs: 'nothing', get: '' },
  {
    format: 'onnx',
    name: 'webgpu',
    runs: 'any GPU with Vulkan, Direct3D 12 or Metal, by ONNX Runtime',
    needs: 'a driver for Vulkan 1.1 (Linux), and onnxruntime-node for x64 or macOS',
    get: 'the GPU’s own driver, or mesa-vulkan-drivers; without a GPU SwiftShader (chromium-common), for tests only',
  },
  {
    format: 'onnx',
    name: 'cuda',
    runs: 'an NVIDIA GPU, by ONNX Runtime',
    needs: 'CUDA 12, cuDNN 9 and ONNX Runtime’s CUDA provider beside onnxruntime-node',
    get: NVIDIA_BUILD,
  },
  {
    format: 'onnx',
    name: 'tensorrt',
    runs: 'an NVIDIA GPU, by TensorRT under ONNX Runtime',
    needs: 'TensorRT 10, CUDA 12 and ONNX Runtime’s TensorRT provider beside onnxruntime-node',
    get: NVIDIA_BUILD,
  },
  { format: 'onnx', name: 'coreml', runs: 'Apple GPU or Neural Engine', needs: 'macOS', get: '' },
  { format: 'onnx', name: 'dml', runs: 'any GPU with Direct3D 12', needs: 'Windows', get: '' },
  {
    format: 'tflite',
    name: 'cpu',
    runs: 'any CPU, by XNNPACK',
    needs: `${LITERT}, or TensorFlow Lite, with ${TFLITE_LIBRARY} set to the path of its libtensorflowlite_c.so`,
    get: LITERT_WHEEL,
  },
  {
    format: 'tflite',
    name: 'gpu',
    runs: 'a GPU, by an accelerator library of LiteRT',
    needs: `${LITERT}, and its GPU accelerator library in the same folder`,
    get: LITERT_WHEEL,
  },
  {
    format: 'tflite',
    name: 'npu',
    runs: 'an NPU, by its vendor’s dispatch library under LiteRT',
    needs: `${LITERT}, and the vendor’s dispatch library in the same folder`,
    get: `${LITERT_WHEEL}vendors/`,
  },
  {
    format: 'tflite',
    name: 'delegate',
    runs: 'what an external delegate of TensorFlow Lite drives: Edge TPU, NXP VX, Arm NN, Qualcomm',
    needs: `TensorFlow Lite, with ${TFLITE_LIBRARY} set to the path of its libtensorflowlite_c.so and ${DELEGATE_LIBRARY} to that of the delegate`,
    get: 'the delegate comes from the vendor (libedgetpu.so.1, libvx_delegate.so, libarmnnDelegate.so, libQnnTFLiteDelegate.so); docs/boards.md',
  },
]

/**
 * Why a provider cannot be tried on this machine; undefined when it can. That it is listed does not mean that its driver or
 * device is there: loading a model tells. (onnxruntime-node merely warns on the console when one of several is missing.)
 */
export function providerRefusal(format: Variant['format'], name: string): string | undefined {
  const known = PROVIDERS.filter(provider => provider.format === format)
  const provider = known.find(provider => provider.name === name)
  if (provider === undefined)
    return `no such provider; ${format} files run on ${known.map(({ name }) => name).join(', ')}`
  if (format === 'tflite') {
    const named = tfliteLibraries(name)
    if (named === undefined) return `it needs ${provider.needs}: ${provider.get}`
    const missing = named.find(path => !isThere(path))
    return missing === undefined ? undefined : `${missing} was named as a library but does not exist`
  }
  if (listSupportedBackends().some(backend => backend.name === name)) return undefined
  return `onnxruntime-node has no ${name} provider for ${process.platform}/${process.arch}: it needs ${provider.needs}`
}

/** What runs files of this format on this provider; only for one without a refusal. */
export function runtimeFor(format: Variant['format'], provider: string): RuntimeSetup {
  if (format === 'onnx') return { kind: 'onnx' }
  const [library, delegate] = tfliteLibraries(provider) as [string, string?]
  if (delegate !== undefined)
    return { kind: 'tflite', library, delegate: { library: delegate, options: delegateOptions() } }
  return library === process.env[LITERT_LIBRARY]
    ? { kind: 'litert', library }
    : { kind: 'tflite', library, delegate: undefined }
}

/** The library and, for one, its delegate; undefined where something was not named. */
function tfliteLibraries(provider: string): string[] | undefined {
  const { [LITERT_LIBRARY]: litert, [TFLITE_LIBRARY]: tflite, [DELEGATE_LIBRARY]: delegate } = process.env
  const named = provider === 'delegate' ? [tflite, delegate] : [litert ?? (provider === 'cpu' ? tflite : undefined)]
  return named.every(path => path !== undefined) ? named : undefined
}

function delegateOptions(): [string, string][] {
  const pairs = (process.env[DELEGATE_OPTIONS] ?? '').split(';').filter(pair => pair.includes(':'))
  return pairs.map(pair => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)])
}

/** A name without a folder is looked up by the system's loader. */
function isThere(library: string): boolean {
  return !library.includes('/') || existsSync(library)
}

/** Of every library that was named, and what else a delegate is told. */
export function libraries(): string[] {
  return [LITERT_LIBRARY, TFLITE_LIBRARY, DELEGATE_LIBRARY, DELEGATE_OPTIONS]
    .map(name => process.env[name])
    .filter(value => value !== undefined)
}
