import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { returnMemory } from '../../../gateway/service/return-memory.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const residentMiB = () => process.memoryUsage.rss() / 2 ** 20

t.test(
  'what lies free between blocks that live on goes back to the system',
  { skip: process.platform !== 'linux' && 'glibc only' },
  async t => {
    // 4 KiB each, which the C library takes from its heap; every hundredth stays, so that the heap cannot shrink from its end.
    const blocks: (Uint8Array | undefined)[] = Array.from({ length: 30_000 }, () => new Uint8Array(4096).fill(1))
    const full = residentMiB()
    for (const [i] of blocks.entries()) if (i % 100 !== 0) blocks[i] = undefined
    collect()
    await sleep(200) // ArrayBuffers are freed by another thread
    const freed = residentMiB()
    await returnMemory()
    t.ok(freed > full - 60, `the C library keeps most of it: ${freed} of ${full} MiB`)
    t.ok(residentMiB() < full - 80, `and gives it back: ${residentMiB()} of ${full} MiB`)
    t.equal(blocks.filter(Boolean).length, 300)
  },
)
