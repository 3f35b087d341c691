import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MISSING_COUNT, type Recording } from './recording.js'
import { RecordingError } from './recording-error.js'
import { WFDB_FORMATS } from './wfdb-format.js'

/** Format 16, which everything reads; its lowest value means "missing". */
const { missing: MISSING_16 } = WFDB_FORMATS[16]!
const HIGHEST_16 = 0x7fff

/** Writes FOLDER/NAME.dat and then NAME.hea in WFDB format 16; a record without its header is not one yet. */
export async function writeWfdb(recording: Recording, folder: string): Promise<void> {
  const { header, data } = encodeWfdb(recording)
  await writeFile(join(folder, `${recording.name}.dat`), data)
  await writeFile(join(folder, `${recording.name}.hea`), header)
}

export function encodeWfdb({ name, rate, samples, channels }: Recording): { header: string; data: Uint8Array } {
  if (!/^[\w-]+$/.test(name))
    throw new RecordingError(
      'out-of-range',
      `"${name}" is no name for a WFDB record: letters, digits, "_" and "-" only.`,
    )
  const data = new Uint8Array(2 * samples * channels.length)
  const lines = channels.map((channel, c) => {
    const { counts, lsb, baseline } = channel
    let sum = 0
    for (let s = 0; s < samples; s++) {
      const count = counts[s] === MISSING_COUNT ? MISSING_16 : counts[s]!
      if (count < MISSING_16 || count > HIGHEST_16 || (count === MISSING_16 && counts[s] !== MISSING_COUNT))
        throw new RecordingError(
          'out-of-range',
          `Channel ${channel.name} has the value ${count}, too large for 16 bits.`,
        )
      const at = 2 * (s * channels.length + c)
      data[at] = count
      data[at + 1] = count >> 8
      sum = (sum + count) & 0xffff
    }
    const first = counts[0] === MISSING_COUNT ? MISSING_16 : counts[0]!
    const checksum = (sum << 16) >> 16
    return `${name}.dat 16 ${1 / lsb}(${Math.round(baseline)})/mV 16 0 ${first} ${checksum} 0 ${channel.name}`
  })
  return { header: `${[`${name} ${channels.length} ${rate} ${samples}`, ...lines].join('\n')}\n`, data }
}
