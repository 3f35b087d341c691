import type { Config } from '../config/config.js'

/** One kind of thing that keeps a gateway from working on this machine. One check a file; none depends on another. */
export interface Check {
  readonly name: string
  /** A rejection is reported as a failure of the check. Must end by itself, within a minute when nothing answers. */
  run(config: Config): Promise<readonly Finding[]>
}

export interface Finding {
  /** What was looked at: a port, a provider, a folder. */
  readonly subject: string
  /** note: nothing to do. warning: the gateway runs, but not as it could. failed: it does not run. */
  readonly outcome: 'ok' | 'note' | 'warning' | 'failed'
  /** What was found, in one sentence. */
  readonly detail: string
  /** How to mend it. */
  readonly remedy?: string
}

export type Report = readonly ({ readonly check: string } & Finding)[]

/** One check after another, so that none disturbs what another measures. */
export async function runChecks(checks: readonly Check[], config: Config): Promise<Report> {
  const report: ({ check: string } & Finding)[] = []
  for (const { name, run } of checks) {
    const findings = await run(config).catch((error: Error): Finding[] => [
      { subject: name, outcome: 'failed', detail: error.message },
    ])
    report.push(...findings.map(finding => ({ check: name, ...finding })))
  }
  return report
}
