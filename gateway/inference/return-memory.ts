/**
 * Gives the system back what was freed: the C library keeps it for later, and the candidates that were tried and left have used
 * more than what runs ever will. glibc only (`malloc.h`); elsewhere nothing happens.
 */
export async function returnMemory(): Promise<void> {
  if (process.platform !== 'linux') return
  try {
    const { default: koffi } = await import('koffi')
    koffi.load(null).func('int malloc_trim(size_t pad)')(0)
  } catch {
    // another C library
  }
}
