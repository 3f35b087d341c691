import type { Connection } from './broker-link.js'
import type { Publication } from './publication.js'

/**
 * Retained topics of which only the newest value matters (device states, health). The newest is published, again after every
 * reconnect, and never more than one publication per topic is under way: a broker that is slow costs values, not memory.
 */
export interface LatestValues {
  set(publication: Publication): void
  attach(connection: Connection): void
  detach(): void
}

/** A device that calls itself differently at each boot must not fill the memory: the topics set longest ago go. The broker keeps them. */
export const MOST_TOPICS = 1024

interface Topic {
  newest: Publication
  sent: Publication | null
  busy: boolean
}

export function createLatestValues(): LatestValues {
  const topics = new Map<string, Topic>()
  let connection: Connection | null = null

  function send(topic: Topic): void {
    if (connection === null || topic.busy || topic.sent === topic.newest) return
    const on = connection
    const value = topic.newest
    topic.busy = true
    topic.sent = value
    const next = () => {
      if (on !== connection) return
      topic.busy = false
      send(topic)
    }
    on.publish(value).then(next, next)
  }

  return {
    set(publication) {
      const topic = topics.get(publication.topic) ?? { newest: publication, sent: null, busy: false }
      topics.delete(publication.topic)
      topics.set(publication.topic, topic)
      if (topics.size > MOST_TOPICS) topics.delete(topics.keys().next().value!)
      topic.newest = publication
      send(topic)
    },
    attach(next) {
      connection = next
      for (const topic of topics.values()) {
        topic.sent = null
        topic.busy = false
        send(topic)
      }
    },
    detach() {
      connection = null
    },
  }
}
