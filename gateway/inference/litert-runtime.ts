import { dirname } from 'node:path'
import koffi from 'koffi'
import { loadLibrary } from './load-library.js'
import type { ModelRuntime } from './model-runtime.js'
import type { ModelSetup } from './worker-protocol.js'

/**
 * TensorFlow Lite models through the C API of LiteRT 2 (`litert/c/*.h`): the CPU by XNNPACK, GPUs and NPUs by the accelerator
 * libraries that lie beside it. Tested with 2.3.
 */

/** `LiteRtHwAccelerators`. Without the CPU's bit what the accelerator cannot run is an error, and not run by the CPU. */
const ACCELERATORS: Readonly<Record<string, number>> = { cpu: 1, gpu: 2, npu: 4 }
/** `LiteRtEnvOption`: int32 tag, 4 bytes of padding, int32 type of the value, 4 of padding, 8 of value. */
const OPTION_BYTES = 24
const RUNTIME_LIBRARY_DIR = 22
const MIN_LOGGER_SEVERITY = 25
const TYPE_INT = 2
const TYPE_STRING = 8
const SEVERITY_SILENT = 4n
/** Of host memory that it uses as it is, and what XNNPACK may read past its end. */
const ALIGNMENT = 64
/** `LiteRtRankedTensorType`: int32 element type, int32 with the rank in its low 7 bits, int32 dimensions …; 72 bytes so far. */
const TENSOR_TYPE_BYTES = 128
const FLOAT32 = 1
/** The model's first and only signature. */
const SIGNATURE = 0

type Handle = unknown
interface Tensor {
  readonly name: string
  readonly buffer: Handle
  readonly shape: readonly number[]
  /** The buffer's own memory. */
  readonly values: Float32Array
}

export function loadLiteRt(setup: ModelSetup, path: string): ModelRuntime {
  const call = bind(path)
  const options = optionsOf(dirname(path))
  const bytes = new Uint8Array(setup.model).slice() // has to live as long as the model, and Node-API knows no shared memory
  const environment = call.create('CreateEnvironment', options.length / OPTION_BYTES, options)
  const model = call.create('CreateModelFromBuffer', environment, bytes, bytes.byteLength)
  const compilation = call.create('CreateOptions')
  call.check('SetOptionsHardwareAccelerators', compilation, ACCELERATORS[setup.provider])
  const compiled = call.create('CreateCompiledModel', environment, model, compilation)
  const signature = call.create('GetModelSignature', model, SIGNATURE)
  const tensors = (direction: 'Input' | 'Output'): Tensor[] =>
    Array.from({ length: Number(call.create(`GetNumSignature${direction}s`, signature)) }, (_, index) => {
      const type = Buffer.alloc(TENSOR_TYPE_BYTES)
      const tensor = call.create(`GetSignature${direction}TensorByIndex`, signature, index)
      call.check('GetRankedTensorType', tensor, type)
      const name = call.create(`GetSignature${direction}Name`, signature, index) as string
      if (type.readInt32LE(0) !== FLOAT32) throw new Error(`the model’s "${name}" is not float32`)
      const rank = type.readUInt32LE(4) & 0x7f
      const shape = Array.from({ length: rank }, (_, axis) => type.readInt32LE(8 + 4 * axis))
      const values = aligned(shape.reduce((product, dimension) => product * dimension, 1))
      const buffer = call.create('CreateTensorBufferFromHostMemory', type, values, values.byteLength, null)
      return { name, buffer, shape, values }
    })
  const [inputs, outputs] = [tensors('Input'), tensors('Output')]
  const input = only(inputs, setup)
  const logits = named(outputs, setup.logits)
  const features = setup.heads && named(outputs, setup.heads.features)
  const [inputBuffers, outputBuffers] = [inputs, outputs].map(list => list.map(({ buffer }) => buffer))

  return {
    batches: false,
    run([window]) {
      input.values.set(window!)
      call.check('RunCompiledModel', compiled, SIGNATURE, 1, inputBuffers, outputs.length, outputBuffers)
      return [{ logits: logits.values, features: features?.values }]
    },
    release() {
      call.destroy('CompiledModel', compiled) // before the buffers that it has seen
      for (const { buffer } of [...inputs, ...outputs]) call.destroy('TensorBuffer', buffer)
      call.destroy('Options', compilation)
      call.destroy('Model', model)
      call.destroy('Environment', environment)
      void bytes // named here, or they would be collected while the model reads them
    },
  }
}

/** Severity of what it prints, and where its accelerators are. The path stays allocated, for the environment refers to it. */
function optionsOf(folder: string): Buffer {
  const options = Buffer.alloc(2 * OPTION_BYTES)
  const text = koffi.alloc('char', Buffer.byteLength(folder) + 1)
  koffi.encode(text, 'char', folder, Buffer.byteLength(folder) + 1)
  const values = [
    [MIN_LOGGER_SEVERITY, TYPE_INT, SEVERITY_SILENT],
    [RUNTIME_LIBRARY_DIR, TYPE_STRING, koffi.address(text)],
  ] as const
  for (const [index, [tag, type, value]] of values.entries()) {
    options.writeInt32LE(tag, index * OPTION_BYTES)
    options.writeInt32LE(type, index * OPTION_BYTES + 8)
    options.writeBigUInt64LE(BigInt(value), index * OPTION_BYTES + 16)
  }
  return options
}

/** What is used of the library; every function gives a `LiteRtStatus`, and `create` those whose last argument is the result. */
function bind(path: string) {
  const library = loadLibrary(path)
  const declare = (name: string, parameters: string) => library.func(`int LiteRt${name}(${parameters})`)
  const direction = (way: string) => ({
    [`GetNumSignature${way}s`]: 'void *signature, _Out_ size_t *count',
    [`GetSignature${way}Name`]: 'void *signature, size_t index, _Out_ const char **name',
    [`GetSignature${way}TensorByIndex`]: 'void *signature, size_t index, _Out_ void **tensor',
  })
  const parameters: Record<string, string> = {
    ...direction('Input'),
    ...direction('Output'),
    CreateEnvironment: 'int count, void *options, _Out_ void **environment',
    CreateModelFromBuffer: 'void *environment, void *bytes, size_t size, _Out_ void **model',
    CreateOptions: '_Out_ void **options',
    SetOptionsHardwareAccelerators: 'void *options, int accelerators',
    CreateCompiledModel: 'void *environment, void *model, void *options, _Out_ void **compiled',
    GetModelSignature: 'void *model, size_t index, _Out_ void **signature',
    GetRankedTensorType: 'void *tensor, void *type',
    CreateTensorBufferFromHostMemory: 'void *type, void *memory, size_t bytes, void *deallocator, _Out_ void **buffer',
    RunCompiledModel: 'void *compiled, size_t signature, size_t ins, void **inputs, size_t outs, void **outputs',
  }
  const functions = new Map(Object.entries(parameters).map(([name, list]) => [name, declare(name, list)]))
  function check(name: string, ...args: unknown[]): void {
    const status = functions.get(name)!(...args)
    if (status !== 0) throw new Error(`LiteRt${name} failed with status ${status}`)
  }
  return {
    check,
    create(name: string, ...args: unknown[]): Handle {
      const result = [null]
      check(name, ...args, result)
      return result[0]
    },
    destroy: (what: string, handle: Handle): void => library.func(`void LiteRtDestroy${what}(void *)`)(handle),
  }
}

function aligned(length: number): Float32Array {
  const memory = new ArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT + 2 * ALIGNMENT)
  const beyond = Number(koffi.address(new Uint8Array(memory)) % BigInt(ALIGNMENT))
  return new Float32Array(memory, (ALIGNMENT - beyond) % ALIGNMENT, length)
}

function only(inputs: readonly Tensor[], { input, leads, samples }: ModelSetup): Tensor {
  const [found] = inputs
  if (inputs.length !== 1 || found?.name !== input) throw new Error(`the model has no single input "${input}"`)
  if (found.shape.reduce((product, dimension) => product * dimension, 1) !== leads * samples)
    throw new Error(`the model’s input is ${found.shape.join(' × ')}, not ${leads} leads × ${samples} samples`)
  return found
}

function named(outputs: readonly Tensor[], name: string): Tensor {
  const found = outputs.find(output => output.name === name)
  if (found === undefined) throw new Error(`the model has no output "${name}"`)
  return found
}
