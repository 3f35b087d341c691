import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A new folder that goes with the test; as many as it wants, unlike `t.testdir`. */
export function tempFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'ecgclip-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
