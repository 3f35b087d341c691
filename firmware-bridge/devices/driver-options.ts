import { TransportError } from '../transport/transport-error.js'

/** What a device URI says after `?`, less what the carrier has taken. Each reader takes its own; `end` refuses what is left. */
export interface DriverOptions {
  /** A number between two others. */
  number(name: string, otherwise: number, least: number, most: number): number
  /** Channel names, separated by commas. */
  names(name: string, otherwise: readonly string[]): readonly string[]
  end(): void
}

/** `text`: the URI, for what is said about it. */
export function readDriverOptions(text: string, options: URLSearchParams): DriverOptions {
  const left = new URLSearchParams(options)
  const known: string[] = []
  const refuse = (advice: string) => new TransportError('device-uri', `"${text}" does not name a device: ${advice}`)

  function take(name: string): string | null {
    known.push(name)
    const value = left.get(name)
    left.delete(name)
    return value
  }

  return {
    number(name, otherwise, least, most) {
      const value = take(name)
      if (value === null) return otherwise
      const number = value.trim() === '' ? Number.NaN : Number(value)
      if (number >= least && number <= most) return number
      throw refuse(`${name} must be a number from ${least} to ${most}`)
    },
    names(name, otherwise) {
      const value = take(name)
      if (value === null) return otherwise
      const names = value.split(',').map(part => part.trim())
      if (names.length === otherwise.length && names.every(part => part !== '')) return names
      throw refuse(`${name} must name ${otherwise.length} channels, separated by commas`)
    },
    end() {
      for (const name of left.keys())
        throw refuse(`"${name}" is not an option of this driver; there is ${known.join(', ') || 'none'}`)
    },
  }
}
