import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const MIB = 2 ** 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What this process holds once its garbage is collected: what must not grow over a thousand cycles. */
export function processHoldings(): { descriptors: number; rssMiB: number; heapMiB: number } {
  collectGarbage()
  const { rss, heapUsed } = process.memoryUsage()
  return { descriptors: readdirSync('/proc/self/fd').length, rssMiB: rss / MIB, heapMiB: heapUsed / MIB }
}
