import type { Check } from './check.js'
import { modelCheck } from './model-check.js'

/** What `ecgclip doctor` looks at, in this order. */
export const CHECKS: readonly Check[] = [modelCheck]
