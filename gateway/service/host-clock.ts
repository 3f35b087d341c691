/** Size of the kernel's struct timex on 64-bit Linux (<sys/timex.h>). */
const TIMEX_BYTES = 208
/** What adjtimex(2) answers while no time server has set the clock. */
const TIME_ERROR = 5

/** Whether the host's clock follows a time server, as the kernel knows it; null where that cannot be told. */
export type HostClock = () => boolean | null

/** Works with timesyncd, chrony and ntpd, and asks for no privilege: it only reads. */
export async function createHostClock(): Promise<HostClock> {
  if (process.platform !== 'linux') return () => null
  try {
    const { default: koffi } = await import('koffi')
    const adjtimex = koffi.load('libc.so.6').func('int adjtimex(_Inout_ uint8_t *timex)')
    return () => {
      const state: number = adjtimex(Buffer.alloc(TIMEX_BYTES)) // modes = 0: nothing is set
      return state < 0 ? null : state !== TIME_ERROR
    }
  } catch {
    return () => null
  }
}
