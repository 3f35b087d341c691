import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check, Finding } from './check.js'

const MIB = 2 ** 20
/** What LevelDB takes beside the messages until it compacts, and two model bundles. */
const BESIDE_OUTBOX = 1.5
const STORE_MIB = 256

/** Whether the state folder takes what the configuration lets the outbox grow to. */
export const diskCheck: Check = {
  name: 'disk',
  async run({ data, broker }) {
    const found = { subject: data }
    const trial = join(data, `.doctor-${process.pid}`)
    try {
      await mkdir(data, { recursive: true, mode: 0o750 })
      await writeFile(trial, 'x')
      await rm(trial)
    } catch (error) {
      const remedy =
        'give the folder to the user of the gateway, name another as data:, or mend the disk if it is read-only'
      return [{ ...found, outcome: 'failed', detail: (error as Error).message, remedy }]
    }
    const { bavail, bsize } = await statfs(data)
    const free = (bavail * bsize) / MIB
    const wanted = broker.outboxMebibytes * BESIDE_OUTBOX + STORE_MIB
    const room: Finding = { ...found, outcome: 'ok', detail: `it can be written, ${Math.round(free)} MiB are free` }
    if (free >= wanted) return [room]
    const detail = `${Math.round(free)} MiB are free, and outbox and models may want ${Math.round(wanted)}`
    return [{ ...found, outcome: 'warning', detail, remedy: 'make room, or lower broker.outboxMebibytes' }]
  },
}
