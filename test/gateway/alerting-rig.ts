import { ulid } from 'ulid'
import { Seconds } from '../../ecg/units.js'
import { type Alerting, type AlertingOptions, createAlerting } from '../../gateway/alerting.js'
import { task } from './alerts/alert-rig.js'
import { hostClock } from './mqtt/messaging-rig.js'
import { bundleInput } from './window/bundle-input.js'

/** Alerting of AF on the host's clock, with nothing open from before, unless `options` say otherwise. */
export function alertingFor(publish: AlertingOptions['publish'], options: Partial<AlertingOptions> = {}): Alerting {
  return createAlerting({
    tasks: [task('AFIB')],
    input: bundleInput(),
    hop: Seconds(5),
    clock: hostClock,
    newId: () => ulid(),
    suppressed: () => {},
    unfinished: [],
    publish,
    ...options,
  })
}
