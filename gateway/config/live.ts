declare module 'zod' {
  interface GlobalMeta {
    /** A reload applies it to the running gateway. Without it a change of the key needs a restart. */
    'x-live'?: boolean
    /** The default in words, where it depends on the machine. */
    'x-default'?: string
  }
}

/** For `.meta()`: see `x-live`. */
export const LIVE = { 'x-live': true } as const
