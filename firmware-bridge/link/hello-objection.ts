import type { Hello } from './hello.js'

/** Names go into topics, logs and pages; nobody's is longer. */
const MAX_NAME = 64
/** No front end has more channels or abilities. */
const MAX_LEADS = 64
const MAX_CAPABILITIES = 64
/** 1 Hz … 100 kHz: no ECG amplifier is outside. */
const MIN_RATE_MHZ = 1_000
const MAX_RATE_MHZ = 100_000_000

const CONTROL_CHARACTER = /\p{Cc}/u

const isName = (text: string, shortest = 1) =>
  text.length >= shortest && text.length <= MAX_NAME && !CONTROL_CHARACTER.test(text)

/** The sentence that says why a well-formed HELLO cannot be worked with, or undefined. */
export function objectionTo(hello: Hello): string | undefined {
  const { id, model, firmware, rateMilliHz, lsbPicovolts, leads, capabilities } = hello
  if (!isName(id)) return `its id must have 1 to ${MAX_NAME} printable characters`
  if (!isName(model, 0) || !isName(firmware, 0)) return 'its model and fw must be short and printable'
  if (rateMilliHz < MIN_RATE_MHZ || rateMilliHz > MAX_RATE_MHZ) return `rate_mhz ${rateMilliHz} is no sampling rate`
  if (lsbPicovolts === 0) return 'lsb_pv 0 is no amplitude'
  if (leads.length === 0) return 'it names no leads'
  if (leads.length > MAX_LEADS || !leads.every(lead => isName(lead))) return 'its leads are too many or not names'
  if (capabilities.length > MAX_CAPABILITIES) return 'its caps are too many'
  return undefined
}
