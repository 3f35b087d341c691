import { bluetoothCheck } from './bluetooth-check.js'
import { brokerCheck } from './broker-check.js'
import type { Check } from './check.js'
import { clockCheck } from './clock-check.js'
import { deviceCheck } from './device-check.js'
import { diskCheck } from './disk-check.js'
import { modelCheck } from './model-check.js'
import { monitorCheck } from './monitor-check.js'

/** What `ecgclip doctor` looks at, in this order. */
export const CHECKS: readonly Check[] = [
  deviceCheck,
  bluetoothCheck,
  modelCheck,
  brokerCheck,
  monitorCheck,
  diskCheck,
  clockCheck,
]
