import { z } from 'zod'

/** `backup.json`, the first file of a backup: what it holds, and what has to come from elsewhere. */
export const BackupManifestSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:backup:1'),
  gateway: z.string(),
  version: z.string().describe('of the program that made it'),
  created: z.iso.datetime(),
  /** `config.yaml`, and what lies in the state folder as `state/…`. */
  files: z.array(z.strictObject({ path: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
  /** Files that the configuration names and that hold secrets: never part of a backup. */
  secrets: z.array(z.string()),
})
export type BackupManifest = z.infer<typeof BackupManifestSchema>

export const MANIFEST_FILE = 'backup.json'
export const CONFIG_FILE = 'config.yaml'
export const STATE_FOLDER = 'state'
