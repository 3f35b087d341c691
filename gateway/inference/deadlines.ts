import { Millis, Seconds } from '../../ecg/units.js'

/** Environment variable: by how much slower than any board this machine is, as one that emulates another is. All limits grow by it. */
const SLOWNESS = 'ECGCLIP_SLOWNESS'

/** Reading and optimising a graph takes 12 … 55 ms on a desktop core; a loaded board is 100 times slower at worst. */
const LOAD = Seconds(30)
/** TensorRT tries kernels until it knows the fastest ones. */
const TENSORRT_LOAD = Seconds(600)
/** A run takes 0.4 … 500 ms; after a hang the stream has to go on within 2 s. */
const RUN = Millis(1500)

/** Longest time that a model may take to load. */
export const loadDeadline = (provider: string): Millis => slowed(provider === 'tensorrt' ? TENSORRT_LOAD : LOAD)

/** Longest run of a model; a thread that takes longer is given up. */
export const runDeadline = (): Millis => slowed(RUN)

/** What is not a number of at least 1 counts as 1. */
function slowed(limit: Millis): Millis {
  const slowness = Number(process.env[SLOWNESS] ?? 1)
  return slowness >= 1 ? Millis(limit * slowness) : limit
}
