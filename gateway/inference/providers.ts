import { listSupportedBackends } from 'onnxruntime-node'

/** Execution providers that onnxruntime-node has on any platform. */
const KNOWN = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'coreml', 'dml'] as const

/**
 * Why a provider cannot be tried on this machine; undefined when it can. That it is listed does not mean that its driver or
 * device is there: creating a session tells. (onnxruntime-node merely warns on the console when one of several is missing.)
 */
export function providerRefusal(provider: string): string | undefined {
  if (listSupportedBackends().some(({ name }) => name === provider)) return undefined
  if ((KNOWN as readonly string[]).includes(provider))
    return `onnxruntime-node has no ${provider} provider for ${process.platform}/${process.arch}`
  return `no such provider; onnxruntime-node knows ${KNOWN.join(', ')}`
}
