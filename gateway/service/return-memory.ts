/** `malloc.h`. */
const M_MMAP_THRESHOLD = -3
/** Bytes. Windows, evidence and what drivers read are larger, and come and go all day. */
const LARGE = 16 * 1024

type Trim = () => Promise<void>

let trim: Promise<Trim> | undefined

/**
 * Gives the system back what was freed. The C library keeps it for later: the candidates that were tried and left have used more
 * than what runs ever will, and among blocks of many lengths of life no hole is as large as the next one needs. From the first
 * call on, large blocks are kept apart, and go back at once; the small ones' holes go back with each call, in some milliseconds
 * of another thread. glibc only; elsewhere nothing happens.
 */
export async function returnMemory(): Promise<void> {
  trim ??= openTrim()
  await (await trim)()
}

async function openTrim(): Promise<Trim> {
  const nothing = async () => {}
  if (process.platform !== 'linux') return nothing
  try {
    const { default: koffi } = await import('koffi')
    const library = koffi.load(null)
    const mallocTrim = library.func('int malloc_trim(size_t pad)')
    library.func('int mallopt(int parameter, int value)')(M_MMAP_THRESHOLD, LARGE)
    return () => new Promise(resolve => mallocTrim.async(0, () => resolve()))
  } catch {
    return nothing // another C library
  }
}
