/**
 * Which part of an image to send next, with several under way at once. Pure: told of answers and of silence, it says what is
 * to be sent; the server's offset is the truth about what has arrived.
 *
 * The first part goes alone, because the server erases its flash for it, and because its answer says where an interrupted
 * upload goes on. Afterwards each answer that moves the offset lets one more part be under way, up to `mostUnderWay`. A part
 * that was lost shows in the answers to the ones behind it: then everything from the server's offset on is sent again, with half
 * as many under way. Silence is taken for the loss of everything; parts also get shorter, down to `leastPart`, because a
 * server with little memory loses long ones again and again.
 */
export interface UploadWindow {
  /** What may be sent now: the part's place, and the number under which its outcome is to be told. */
  next(): UploadPart | undefined
  /** `offset`: as the server answered; `match`: its verdict on the whole, with the last part. */
  answered(ticket: number, offset: number): void
  silent(ticket: number): void
  /** Begin again with a first part, which asks the server how far it is; after the carrier was opened anew. */
  resume(): void
  /** Bytes that the server has. */
  readonly offset: number
  readonly done: boolean
  /** Silences, one after the other, without any progress. */
  readonly silences: number
  /** Answers, one after the other, that told of no progress although all before them had arrived. */
  readonly stalls: number
  /** Times that the server forgot what it had, or claimed more than there is. */
  readonly restarts: number
  readonly resent: number
}

export interface UploadPart {
  readonly ticket: number
  readonly offset: number
  readonly length: number
  /** Carries the image's length and hash as well. */
  readonly first: boolean
}

export interface UploadLimits {
  readonly mostUnderWay: number
  /** Bytes of image that fit a message at this offset; the first part has less room. */
  room(first: boolean): number
  readonly leastPart: number
}

export function createUploadWindow(length: number, limits: UploadLimits): UploadWindow {
  const underWay = new Map<number, UploadPart & { readonly epoch: number }>()
  let tickets = 0
  let epoch = 0
  let opening = true
  let offset = 0
  let sent = 0
  let allowed = 1
  let shorter = 1
  let silences = 0
  let stalls = 0
  let restarts = 0
  let resent = 0
  let farthest = 0

  function next(): UploadPart | undefined {
    const current = [...underWay.values()].filter(part => part.epoch === epoch).length
    if (offset >= length || sent >= length || current >= allowed) return undefined
    if (opening && current > 0) return undefined
    const first = opening
    const from = first ? 0 : sent
    const room = Math.max(Math.floor(limits.room(first) / shorter), Math.min(limits.leastPart, limits.room(first)))
    const part = { ticket: ++tickets, offset: from, length: Math.min(room, length - from), first }
    if (from < farthest) resent += part.length
    sent = from + part.length
    farthest = Math.max(farthest, sent)
    underWay.set(part.ticket, { ...part, epoch })
    return part
  }

  /** Forgets what is under way; late answers to it only tell the offset. */
  function again(from: number) {
    epoch++
    offset = from
    sent = from
    opening = from === 0
  }

  function answered(ticket: number, told: number) {
    const part = underWay.get(ticket)
    underWay.delete(ticket)
    if (!part) return
    const stale = part.epoch !== epoch
    if (stale && told <= offset) return
    if (told > length) {
      restarts++
      return again(0)
    }
    if (told > offset) silences = stalls = 0
    if (part.first && !stale) {
      opening = false
      offset = sent = told
      if (told === 0) {
        opening = true
        restarts++
      }
      return
    }
    const lost = told < part.offset + part.length
    if (told < offset) {
      restarts++
      return again(told)
    }
    if (told === part.offset) stalls++
    offset = told
    sent = Math.max(sent, told)
    if (!lost) {
      allowed = Math.min(allowed + 1, limits.mostUnderWay)
      return
    }
    if (stale) return
    allowed = Math.max(1, Math.floor(allowed / 2))
    again(told)
  }

  function silent(ticket: number) {
    const part = underWay.get(ticket)
    underWay.delete(ticket)
    if (!part || part.epoch !== epoch) return
    silences++
    if (silences > 1 && allowed === 1) shorter = Math.min(2 * shorter, 64)
    allowed = 1
    again(offset)
  }

  function resume() {
    underWay.clear()
    again(0)
    allowed = 1
    silences = stalls = 0
  }

  return {
    next,
    answered,
    silent,
    resume,
    get offset() {
      return offset
    },
    get done() {
      return offset >= length && length > 0
    },
    get silences() {
      return silences
    },
    get stalls() {
      return stalls
    },
    get restarts() {
      return restarts
    },
    get resent() {
      return resent
    },
  }
}
