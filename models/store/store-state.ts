import { z } from 'zod'

/**
 * `state.json` of the model store: which bundle is in which slot, and which of them runs. It is the only truth there is: a
 * bundle's folder that it does not name is litter, and it never names one that is not whole.
 */

const InstalledSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  counter: z.int().min(0),
  /** Of manifest.json. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Id of the key that signed it. */
  key: z.string().regex(/^[0-9a-f]{16}$/),
  installed: z.iso.datetime(),
  /** Why it is not to be run unless somebody says so; null: nothing speaks against it. */
  fault: z.string().nullable(),
})

const SlotSchema = z.enum(['a', 'b'])
/** Null stands for the shipped bundle, which needs no slot. */
const ChoiceSchema = SlotSchema.nullable()

export const StoreStateSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:model-store:1'),
  slots: z.strictObject({ a: InstalledSchema.nullable(), b: InstalledSchema.nullable() }),
  active: ChoiceSchema,
  /** The active bundle has yet to prove itself; null: it has. */
  trial: z
    .strictObject({
      /** What runs again when it does not. */
      returnTo: ChoiceSchema,
      /** Starts of the gateway that did not come to a clean end. */
      starts: z.int().min(0),
      /** Answered without fault in earlier runs of the gateway. */
      windows: z.int().min(0),
    })
    .nullable(),
  /** By name of the bundle: the highest counter that has proved itself. Nothing below it is installed. */
  counters: z.record(z.string(), z.int().min(0)),
})

export type StoreState = z.infer<typeof StoreStateSchema>
export type Installed = z.infer<typeof InstalledSchema>
export type Slot = z.infer<typeof SlotSchema>
export type Choice = z.infer<typeof ChoiceSchema>

export const SLOTS = SlotSchema.options

export const EMPTY_STORE: StoreState = {
  schema: 'urn:ecgclip:model-store:1',
  slots: { a: null, b: null },
  active: null,
  trial: null,
  counters: {},
}
