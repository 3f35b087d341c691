import { createHostClock } from '../service/host-clock.js'
import type { Check } from './check.js'

/** No gateway of this version ran before. */
const EARLIEST = Date.UTC(2025, 0)

/** Whether times in messages can be believed. */
export const clockCheck: Check = {
  name: 'clock',
  async run() {
    const subject = 'host'
    const remedy =
      'enable a time service: timedatectl set-ntp true, or install chrony; a board without a battery needs it most'
    if (Date.now() < EARLIEST)
      return [
        { subject, outcome: 'failed', detail: `it says ${new Date().toISOString()}, which is in the past`, remedy },
      ]
    const synchronised = (await createHostClock())()
    if (synchronised === null)
      return [{ subject, outcome: 'note', detail: 'whether it is synchronised cannot be told here' }]
    if (synchronised) return [{ subject, outcome: 'ok', detail: 'it follows a time server' }]
    return [
      { subject, outcome: 'warning', detail: 'it follows no time server: times in messages may be wrong', remedy },
    ]
  },
}
