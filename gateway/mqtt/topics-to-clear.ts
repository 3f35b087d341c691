import { clearKey, type StoreOperation } from './outbox-level.js'

/** 2 MB on disk. Beyond it the oldest go: after an outage of weeks with the outbox full. */
const MOST = 10_000

/**
 * Topics whose last word may have been given up: where the alert is over, the broker would retain it as active for ever. On disk
 * with the batch that gave the word up, until the broker has been told.
 */
export interface TopicsToClear extends Iterable<string> {
  add(topic: string): void
  /** The broker has been told, or the alert is open and will be cleared at its end. */
  done(topic: string): void
  /** What has changed since this was last asked, for the next batch. */
  changes(): StoreOperation[]
}

export function createTopicsToClear(found: readonly string[]): TopicsToClear {
  const topics = new Set(found)
  const changed = new Set<string>()
  function done(topic: string): void {
    topics.delete(topic)
    changed.add(topic)
  }
  return {
    [Symbol.iterator]: () => topics.values(),
    add(topic) {
      topics.add(topic)
      changed.add(topic)
      if (topics.size > MOST) done(topics.values().next().value!)
    },
    done,
    changes() {
      const operations = [...changed].map((topic): StoreOperation => {
        const key = clearKey(topic)
        return topics.has(topic) ? { type: 'put', key, value: '' } : { type: 'del', key }
      })
      changed.clear()
      return operations
    },
  }
}
