/** Values by id, each of so many bytes of memory, that together stay within a bound: the oldest go first. Pure. */
export interface NewestWithin<T> {
  set(id: string, value: T): void
  get(id: string): T | undefined
  has(id: string): boolean
  delete(id: string): void
}

/** `most`: bytes of all values. */
export function newestWithin<T extends { readonly bytes: number }>(most: number): NewestWithin<T> {
  const values = new Map<string, T>()
  let bytes = 0

  function forget(id: string): void {
    bytes -= values.get(id)?.bytes ?? 0
    values.delete(id)
  }

  return {
    set(id, value) {
      forget(id)
      values.set(id, value)
      bytes += value.bytes
      for (const oldest of values.keys()) {
        if (bytes <= most) return
        forget(oldest)
      }
    },
    get: id => values.get(id),
    has: id => values.has(id),
    delete: forget,
  }
}
