import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MISSING_COUNT, type Recording } from './recording.js'
import { RecordingError } from './recording-error.js'
import { WRITTEN_FORMATS, type WrittenFormat } from './wfdb-format.js'
import { wfdbHeaderText } from './wfdb-header-text.js'

/** Writes FOLDER/NAME.dat and then NAME.hea, in format 16 or, where values do not fit, 24; without its header it is no record yet. */
export async function writeWfdb(recording: Recording, folder: string): Promise<void> {
  const { header, data } = encodeWfdb(recording)
  await writeFile(join(folder, `${recording.name}.dat`), data)
  await writeFile(join(folder, `${recording.name}.hea`), header)
}

export function encodeWfdb({ name, rate, samples, channels }: Recording): { header: string; data: Uint8Array } {
  const format = WRITTEN_FORMATS.find(format =>
    channels.every(({ counts }) => counts.every(count => fits(format, count))),
  )
  if (!format) {
    const { name } = channels.find(({ counts }) => !counts.every(count => fits(WRITTEN_FORMATS[1], count)))!
    throw new RecordingError('out-of-range', `Channel ${name} has a value too large for 24 bits.`)
  }
  const data = new Uint8Array(format.bytesPerSample * samples * channels.length)
  const signals = channels.map((channel, c) => {
    let sum = 0
    for (let s = 0; s < samples; s++) {
      const count = stored(format, channel.counts[s]!)
      format.put(data, s * channels.length + c, count)
      sum += count
    }
    return { ...channel, first: samples > 0 ? stored(format, channel.counts[0]!) : 0, sum }
  })
  return { header: wfdbHeaderText({ name, file: `${name}.dat`, format, rate, signals, samples, comments: [] }), data }
}

const fits = ({ missing, highest }: WrittenFormat, count: number): boolean =>
  count === MISSING_COUNT || (count > missing && count <= highest)

const stored = ({ missing }: WrittenFormat, count: number): number => (count === MISSING_COUNT ? missing : count)
