import { Seconds } from '../../ecg/units.js'

/**
 * Ending a thread, or the process, while the thread is inside ONNX Runtime aborts the whole process (onnxruntime-node 1.30
 * throws from C++ when it may no longer call into JavaScript). So a worker is never terminated but told to stop, and the end
 * of the process, for whatever reason, first waits until every worker is out: it would hide the exit code otherwise.
 *
 * A guard is two flags in shared memory, and the word by which a pool and its worker hand windows over (`worker-protocol.ts`).
 */
export const GUARD_LENGTH = 3
/** 1 while the worker may be inside ONNX Runtime; notified when it becomes 0. */
export const BUSY = 0
/** 1: start nothing any more. */
export const STOP = 1

/** A run takes milliseconds; one that takes longer than this hangs, and the abort can only be put off. */
const EXIT_PATIENCE = Seconds(5)

const guards = new Set<Int32Array>()

/** A guard that the end of the process respects until `release`. BUSY at first: a worker loads ONNX Runtime at once. */
export function createGuard(): { guard: Int32Array; release: () => void } {
  if (guards.size === 0) process.on('exit', holdExit)
  const guard = new Int32Array(new SharedArrayBuffer(GUARD_LENGTH * Int32Array.BYTES_PER_ELEMENT))
  guard[BUSY] = 1
  guards.add(guard)
  return {
    guard,
    release() {
      guards.delete(guard)
      if (guards.size === 0) process.off('exit', holdExit)
    },
  }
}

function holdExit(): void {
  for (const guard of guards) Atomics.store(guard, STOP, 1)
  const latest = performance.now() + EXIT_PATIENCE
  for (const guard of guards) Atomics.wait(guard, BUSY, 1, Math.max(0, latest - performance.now()))
}
