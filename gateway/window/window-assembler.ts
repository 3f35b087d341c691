import { type Hertz, Microseconds, type Millis, Seconds } from '../../ecg/units.js'
import type { SampleBlock } from '../../firmware-bridge/device-stream.js'
import type { EcgWindow } from './ecg-window.js'
import { SampleLine } from './sample-line.js'
import { WindowBuilder, type WindowSource } from './window-builder.js'
import { WindowError } from './window-error.js'

export interface WindowAssemblerOptions extends WindowSource {
  /** From the start of one window to that of the next; rounded to whole samples of the device. */
  readonly hop: Millis
  /** How long a window with a gap waits, once its end has passed, for late and resent blocks; longer where blocks are long. */
  readonly patience: Millis
}

/** A carrier that reorders puts a block at most so many places late … */
const REORDERED_BLOCKS = 4
/** … but no window waits longer than this for one. */
export const MOST_PATIENCE = Seconds(2)

/** Counted since the assembler was made; only ever rising. */
export interface AssemblerCounters {
  /** Samples that came, or came again, when every window they belong to was already out. */
  late: number
  /** Windows lost whole, beyond `MOST_LOST_WINDOWS` in a row, whose numbers were passed over. */
  skipped: number
}

/** Windows lost whole that one gap may emit, 5 minutes at the default hop: said one by one while that helps, then counted. */
export const MOST_LOST_WINDOWS = 60

/** A window whose end has passed and that waits for missing samples, or for a window before it. */
interface PassedWindow {
  readonly passed: Microseconds
  completed: Microseconds
  missing: number
}

/**
 * Cuts one device's samples, since one boot, into windows. The first begins with the first sample that it is given, the next
 * ones one hop later each, whatever was lost; they come out in order. A window with nothing missing and nothing before it that
 * waits goes out with its last sample; one with a gap, when the gap is filled or its patience is over.
 */
export class WindowAssembler {
  readonly counters: AssemblerCounters = { late: 0, skipped: 0 }
  #builder: WindowBuilder
  readonly #hop: number
  readonly #rate: Hertz
  /** µs. Grows with the longest block seen. */
  #patience: number
  readonly #capacity: number
  /** From the first sample on. */
  #line: SampleLine | undefined
  /** Of the first window. */
  #origin = 0
  /** Index of the next window to go out. */
  #next = 0
  /** Those whose end has passed, from `#next` on. */
  readonly #passed: PassedWindow[] = []
  #lastArrival = Microseconds(0)

  constructor(options: WindowAssemblerOptions) {
    this.#builder = new WindowBuilder(options)
    this.#hop = Math.round((options.hop * options.rate) / 1000)
    if (this.#hop < 1)
      throw new WindowError('bad-hop', `A hop of ${options.hop} ms is less than one sample at ${options.rate} Hz.`)
    this.#rate = options.rate
    this.#patience = options.patience * 1000
    // One window waiting out its patience, and as much again for what a link delivers in one burst.
    this.#capacity =
      2 * this.#builder.samples + Math.ceil((Math.max(options.patience, MOST_PATIENCE) * options.rate) / 1000)
  }

  /** Takes a block, which is borrowed; returns the windows that go out with it. */
  push(block: SampleBlock): EcgWindow[] {
    const out: EcgWindow[] = []
    const end = block.first + block.count
    this.#lastArrival = block.arrived
    const reordering = Math.min(MOST_PATIENCE, (1000 * REORDERED_BLOCKS * block.count) / this.#rate)
    this.#patience = Math.max(this.#patience, reordering * 1000)
    if (!this.#line) {
      this.#origin = block.first
      this.#line = new SampleLine(this.#builder.kept, this.#capacity, this.#builder.samples, block.first)
    }
    // Piecewise, so that no block is too long for the line.
    for (let at: number = block.first; at < end; at += this.#builder.samples)
      this.#take(this.#line, block, at, Math.min(at + this.#builder.samples, end), out)
    return out
  }

  /**
   * Windows that go out from now on are made for another bundle, from the samples that are there already. False, and nothing is
   * changed, where those are not the ones that it needs. Throws a `WindowError` where it cannot use this device at all.
   */
  use(input: WindowSource['input'], quality?: WindowSource['quality']): boolean {
    const next = this.#builder.for(input, quality)
    if (next !== null) this.#builder = next
    return next !== null
  }

  /** Windows whose patience is over at `now`. */
  due(now: Microseconds): EcgWindow[] {
    const out: EcgWindow[] = []
    this.#release(now, out)
    return out
  }

  /** As `WindowBuilder.recycle`. */
  recycle(window: EcgWindow): void {
    this.#builder.recycle(window)
  }

  /** When `due` will next have something to give, if no sample comes. */
  get nextDue(): Microseconds | undefined {
    const waiting = this.#passed[0]
    return waiting && Microseconds(waiting.passed + this.#patience)
  }

  /** The stream has ended (reboot, stop): every window that has begun goes out as it is. Nothing may be pushed afterwards. */
  close(): EcgWindow[] {
    const out: EcgWindow[] = []
    while (this.#line && this.#start(this.#next) < this.#line.end) this.#emit(this.#line, out)
    return out
  }

  #start(window: number): number {
    return this.#origin + window * this.#hop
  }

  #take(line: SampleLine, block: SampleBlock, first: number, end: number, out: EcgWindow[]): void {
    this.#makeRoom(line, end - line.capacity, out)
    const before = line.end
    const wanted = Math.min(Math.max(first, this.#start(this.#next)), end)
    this.counters.late += Math.max(0, Math.min(wanted, before) - first)
    line.write(block, wanted, end)
    if (wanted < before) this.#recount(line)
    while (this.#start(this.#next + this.#passed.length) + this.#builder.samples <= line.end) {
      const { missing } = line.facts(this.#start(this.#next + this.#passed.length), this.#builder.samples)
      this.#passed.push({ passed: block.arrived, completed: block.arrived, missing })
    }
    this.#release(block.arrived, out)
  }

  /** Lets go, before they are overwritten, of windows that begin before `oldest`. */
  #makeRoom(line: SampleLine, oldest: number, out: EcgWindow[]): void {
    for (let lost = 0; this.#start(this.#next) < oldest; ) {
      if (this.#start(this.#next) >= line.end && ++lost > MOST_LOST_WINDOWS) {
        const skipped = Math.ceil((oldest - this.#start(this.#next)) / this.#hop)
        this.counters.skipped += skipped
        this.#next += skipped
      } else this.#emit(line, out)
    }
  }

  /** A late block has come: some waiting windows may miss less now. */
  #recount(line: SampleLine): void {
    this.#passed.forEach((window, i) => {
      const { missing } = line.facts(this.#start(this.#next + i), this.#builder.samples)
      if (missing < window.missing) window.completed = this.#lastArrival
      window.missing = missing
    })
  }

  #release(now: Microseconds, out: EcgWindow[]): void {
    for (;;) {
      const window = this.#passed[0]
      if (!this.#line || !window || (window.missing > 0 && now - window.passed < this.#patience)) return
      this.#emit(this.#line, out)
    }
  }

  #emit(line: SampleLine, out: EcgWindow[]): void {
    const completed = this.#passed.shift()?.completed ?? this.#lastArrival
    out.push(this.#builder.build(line, this.#next, this.#start(this.#next), completed))
    this.#next++
  }
}
