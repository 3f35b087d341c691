import type { Inference, InferenceEngine } from './inference-engine.js'

/** An engine that can be exchanged for another while windows come. */
export interface EngineSlot<Engine extends InferenceEngine> extends InferenceEngine {
  /** What new windows go to. */
  readonly engine: Engine
  /**
   * From now on windows go to `next`, which has started before. What the old engine was given it still answers; then it is
   * closed, unless it is to be kept, and this resolves. A window is never given to both, and none is rejected because of the
   * change.
   */
  replace(next: Engine, old?: 'close' | 'keep'): Promise<void>
}

export function createEngineSlot<Engine extends InferenceEngine>(first: Engine): EngineSlot<Engine> {
  let engine = first
  let closed = false
  /** By engine, what it has not answered yet. */
  const pending = new Map<Engine, Set<Promise<Inference>>>()

  async function drain(old: Engine): Promise<void> {
    await Promise.allSettled(pending.get(old) ?? [])
    pending.delete(old)
  }

  return {
    get engine() {
      return engine
    },
    get model() {
      return engine.model
    },
    get fallback() {
      return engine.fallback
    },
    get depth() {
      return engine.depth
    },
    async assess(signal, order) {
      const used = engine
      const running = pending.get(used) ?? new Set()
      pending.set(used, running)
      const answer = used.assess(signal, order)
      running.add(answer)
      return answer.finally(() => running.delete(answer))
    },
    async replace(next, fate = 'close') {
      const old = engine
      if (closed) return next.close() // the change came too late
      if (next === old) return
      engine = next
      await drain(old)
      if (fate === 'close') await old.close()
    },
    async close() {
      closed = true
      await engine.close()
    },
  }
}
