import { setTimeout as sleep } from 'node:timers/promises'
import type { EndToEnd } from './end-to-end.js'

/** What this process takes while it serves so many patients, once it is warm. `latencies`: where it notes that of each window, ms. */
export async function measureThisProcess(
  patients: number,
  { warmUpSeconds, seconds }: { readonly warmUpSeconds: number; readonly seconds: number },
  latencies: number[],
): Promise<EndToEnd> {
  await sleep(1000 * warmUpSeconds)
  latencies.length = 0
  const before = process.cpuUsage()
  const began = performance.now()
  await sleep(1000 * seconds)
  const { user, system } = process.cpuUsage(before)
  const cpuMs = (user + system) / 1000
  const measured = latencies.toSorted((a, b) => a - b)
  return {
    patients,
    windows: measured.length,
    medianMs: quantile(measured, 0.5),
    p99Ms: quantile(measured, 0.99),
    cpuPercentPerPatient: (100 * cpuMs) / (performance.now() - began) / patients,
    cpuMsPerWindow: cpuMs / measured.length,
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}
