import { RecordingError } from './recording-error.js'

/** Bytes that may wait for the disk: several minutes of a device. A disk that falls behind further is too slow for good. */
const MOST_WAITING = 8 * 2 ** 20

/** Work on files, one after another, so that nobody who produces it has to wait. The first failure ends it for good. */
export interface DiskQueue {
  /** `bytes`: what the work keeps in memory until it is done. */
  add(bytes: number, work: () => Promise<void>): void
  /** Settles when everything added so far is done or given up. */
  idle(): Promise<void>
  readonly failure: RecordingError | undefined
}

/** `failed` is told of the first failure. `place`: what is written to, for people. */
export function createDiskQueue(place: string, failed: (failure: RecordingError) => void): DiskQueue {
  let waiting = 0
  let failure: RecordingError | undefined
  let last = Promise.resolve()

  function fail(reason: RecordingError) {
    if (failure) return
    failure = reason
    failed(reason)
  }

  return {
    add(bytes, work) {
      if (failure) return
      if (waiting + bytes > MOST_WAITING)
        return fail(new RecordingError('disk', `The disk of ${place} is too slow: it is ${waiting} bytes behind.`))
      waiting += bytes
      last = last
        .then(() => (failure ? undefined : work()))
        .catch((error: unknown) => fail(diskError(place, error)))
        .finally(() => {
          waiting -= bytes
        })
    },
    idle: () => last,
    get failure() {
      return failure
    },
  }
}

export function diskError(place: string, error: unknown): RecordingError {
  if (error instanceof RecordingError) return error
  const { code, message, path } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new RecordingError('disk', `The disk of ${place} is full: free some space, or record elsewhere.`, error)
    case 'EEXIST':
      return new RecordingError('exists', `${path} exists: give another --name.`, error)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new RecordingError('unreadable', `This user may not write to ${place}: record elsewhere.`, error)
    default:
      return new RecordingError('disk', `${place} cannot be written to (${code ?? message}).`, error)
  }
}
