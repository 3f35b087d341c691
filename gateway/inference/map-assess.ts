/**
 * Each item with its answer, in the items' order, with at most `parallel` windows in the engine: for recordings, where
 * windows are read as fast as they are answered. An item whose signal is undefined (an uninterpretable window) is passed
 * through without an answer. Throws the first `InferenceError`.
 */
export async function* mapAssess<T, Answer>(
  engine: { assess(signal: Float32Array): Promise<Answer> },
  items: Iterable<T> | AsyncIterable<T>,
  signalOf: (item: T) => Float32Array | undefined,
  parallel: number,
): AsyncGenerator<[item: T, answer: Answer | undefined]> {
  const pending: Promise<[T, Answer | undefined]>[] = []
  for await (const item of items) {
    const answer = answered(engine, item, signalOf(item))
    answer.catch(() => {}) // thrown below, in its turn
    pending.push(answer)
    if (pending.length >= parallel) yield await pending.shift()!
  }
  for (const answer of pending) yield await answer
}

async function answered<T, Answer>(
  engine: { assess(signal: Float32Array): Promise<Answer> },
  item: T,
  signal: Float32Array | undefined,
): Promise<[T, Answer | undefined]> {
  return [item, signal === undefined ? undefined : await engine.assess(signal)]
}
