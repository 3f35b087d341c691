/** Wall-clock times of the place where the page is looked at, seconds exact: "14:03:22". */
export function clockTime(unixMillis: number): string {
  return new Date(unixMillis).toLocaleTimeString('en-GB', { hour12: false })
}

/** With the offset of that place, for a print is read elsewhere: "2026-03-01 14:03:22 GMT+1". */
export function dateAndTime(unixMillis: number): string {
  return `${new Date(unixMillis).toLocaleDateString('en-CA')} ${clockTime(unixMillis)} ${offset(unixMillis)}`
}

function offset(unixMillis: number): string {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' }).formatToParts(unixMillis)
  return parts.find(({ type }) => type === 'timeZoneName')!.value
}

/** "± 8 ms", "± 1.2 s", or that nobody knows. */
export function uncertainty(milliseconds: number | null): string {
  if (milliseconds === null) return 'clock not yet known'
  return milliseconds < 1000
    ? `± ${Math.ceil(milliseconds)} ms`
    : `± ${(Math.ceil(milliseconds / 100) / 10).toFixed(1)} s`
}

/** How long ago, coarse: "12 s", "4 min", "3 h". */
export function ago(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
