import koffi from 'koffi'
import { loadLibrary } from './load-library.js'
import type { ModelRuntime } from './model-runtime.js'
import type { DelegateSetup, ModelSetup, RuntimeSetup } from './worker-protocol.js'

/**
 * TensorFlow Lite models through its C API (`tensorflow/lite/c/c_api.h`), which external delegates are made for; the names of
 * the tensors must be the manifest's. Tested with 2.8.
 */

type Handle = unknown
interface Tensor {
  readonly handle: Handle
  readonly name: string
  readonly values: Float32Array
}

/** `TfLiteType` */
const FLOAT32 = 1
const REPORT_ERROR = koffi.proto('void EcgclipDelegateError(const char *message)')

export function loadTfLite(
  setup: ModelSetup,
  { library: path, delegate: wanted }: RuntimeSetup & { kind: 'tflite' },
): ModelRuntime {
  const library = loadLibrary(path)
  const bind = (result: string, name: string, parameters: string) =>
    library.func(`${result} TfLite${name}(${parameters})`)
  const model = bind('void *', 'ModelCreate', 'void *bytes, size_t size')
  const deleteModel = bind('void', 'ModelDelete', 'void *')
  const newOptions = bind('void *', 'InterpreterOptionsCreate', '')
  const deleteOptions = bind('void', 'InterpreterOptionsDelete', 'void *')
  const create = bind('void *', 'InterpreterCreate', 'void *model, void *options')
  const remove = bind('void', 'InterpreterDelete', 'void *')
  const invoke = bind('int', 'InterpreterInvoke', 'void *')
  const write = bind('int', 'TensorCopyFromBuffer', 'void *tensor, void *bytes, size_t size')
  const read = bind('int', 'TensorCopyToBuffer', 'void *tensor, void *bytes, size_t size')

  const bytes = new Uint8Array(setup.model).slice() // has to live as long as the model, and Node-API knows no shared memory
  const loaded = there(model(bytes, bytes.byteLength), 'the file is not a TensorFlow Lite model')
  const options = newOptions()
  bind('void', 'InterpreterOptionsSetNumThreads', 'void *options, int threads')(options, setup.threads)
  const delegate = wanted && loadDelegate(wanted)
  if (delegate) bind('void', 'InterpreterOptionsAddDelegate', 'void *options, void *delegate')(options, delegate.handle)
  const interpreter = there(create(loaded, options), `the interpreter refuses the model${delegate?.said() ?? ''}`)
  check(bind('int', 'InterpreterAllocateTensors', 'void *')(interpreter), 'allocating tensors')

  const tensors = (way: 'Input' | 'Output'): Tensor[] => {
    const count = bind('int', `InterpreterGet${way}TensorCount`, 'void *')(interpreter) as number
    const get = bind('void *', `InterpreterGet${way}Tensor`, 'void *interpreter, int index')
    return Array.from({ length: count }, (_, index) => {
      const handle = get(interpreter, index)
      const name = bind('const char *', 'TensorName', 'void *')(handle) as string
      if (bind('int', 'TensorType', 'void *')(handle) !== FLOAT32)
        throw new Error(`the model’s "${name}" is not float32`)
      const size = Number(bind('size_t', 'TensorByteSize', 'void *')(handle))
      return { handle, name, values: new Float32Array(size / Float32Array.BYTES_PER_ELEMENT) }
    })
  }
  const input = named(tensors('Input'), setup.input)
  if (input.values.length !== setup.leads * setup.samples)
    throw new Error(`the model’s input holds ${input.values.length} values, not ${setup.leads} × ${setup.samples}`)
  const outputs = tensors('Output')
  const logits = named(outputs, setup.logits)
  const features = setup.heads && named(outputs, setup.heads.features)

  return {
    batches: false,
    run([window]) {
      input.values.set(window!)
      check(write(input.handle, input.values, input.values.byteLength), 'writing the input')
      check(invoke(interpreter), `the run${delegate?.said() ?? ''}`)
      for (const { handle, values } of features ? [logits, features] : [logits])
        check(read(handle, values, values.byteLength), 'reading an output')
      return [{ logits: logits.values, features: features?.values }]
    },
    release() {
      remove(interpreter)
      delegate?.release()
      deleteOptions(options)
      deleteModel(loaded)
      void bytes // named here, or they would be collected while the model reads them
    },
  }
}

/** The two functions of every external delegate: `tensorflow/lite/delegates/external/external_delegate.cc`. */
function loadDelegate({ library: path, options }: DelegateSetup): { handle: Handle; said(): string; release(): void } {
  const library = loadLibrary(path)
  const create = library.func(
    'void *tflite_plugin_create_delegate(const char **keys, const char **values, size_t count, EcgclipDelegateError *report)',
  )
  const destroy = library.func('void tflite_plugin_destroy_delegate(void *)')
  const messages: string[] = []
  const report = koffi.register((message: string) => messages.push(message), koffi.pointer(REPORT_ERROR))
  const said = () => (messages.length > 0 ? `: ${messages.at(-1)}` : '')
  const keys = options.map(([key]) => key)
  const values = options.map(([, value]) => value)
  const handle = create(keys, values, options.length, report)
  if (handle === null) {
    koffi.unregister(report)
    throw new Error(`the delegate ${path} does not start${said()}`)
  }
  return {
    handle,
    said,
    release() {
      destroy(handle)
      koffi.unregister(report)
    },
  }
}

function there(handle: Handle, otherwise: string): Handle {
  if (handle === null) throw new Error(otherwise)
  return handle
}

function check(status: number, what: string): void {
  if (status !== 0) throw new Error(`${what} failed with status ${status}`)
}

function named(tensors: readonly Tensor[], name: string): Tensor {
  const found = tensors.find(tensor => tensor.name === name)
  if (found === undefined)
    throw new Error(`the model has no "${name}", but ${tensors.map(({ name }) => name).join(', ')}`)
  return found
}
