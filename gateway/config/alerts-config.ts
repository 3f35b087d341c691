import { z } from 'zod'
import { ALERT_PRIORITIES } from '../alerts/alert.js'
import { EVIDENCE_FORMATS } from '../alerts/evidence-format.js'
import { TECHNICAL_CONDITIONS, type TechnicalKey } from '../alerts/technical-conditions.js'
import { LIVE } from './live.js'

/** What a site decides about alerts. Whatever it leaves out is as the bundle says. */

const WEEK_SECONDS = 7 * 24 * 3600

const probability = z.number().min(0).max(1)
const priority = z.enum(ALERT_PRIORITIES)
const escalate = z
  .strictObject({
    afterSeconds: z.number().min(1).max(WEEK_SECONDS).describe('without an acknowledgement'),
    to: priority.describe('the priority that it is raised to'),
  })
  .optional()

const TaskRuleSchema = z.strictObject({
  enabled: z.boolean().optional().describe('false: never alert; what would have alerted is logged'),
  threshold: probability.optional().describe('probability from which a window counts'),
  clearBelow: probability
    .optional()
    .describe('probability below which a window clears; follows the threshold by default'),
  tier: z.enum(['acute', 'prompt', 'screening']).optional().describe('how urgent, and so how it is confirmed'),
  need: z.int().min(1).max(100).optional().describe('windows that must count …'),
  of: z.int().min(1).max(100).optional().describe('… of so many'),
  refractorySeconds: z.number().min(0).max(WEEK_SECONDS).optional().describe('after an end, no new start for so long'),
  latch: z.boolean().optional().describe('an alert that is over stays until somebody acknowledges it'),
  priority: priority.optional().describe('PN, an advisory, unless the site raises it'),
  escalate,
})

const TechnicalRuleSchema = z.strictObject({
  enabled: z.boolean().optional().describe('false: never alert'),
  raiseAfterSeconds: z.number().min(0).max(WEEK_SECONDS).optional().describe('it must hold for so long'),
  priority: priority.optional().describe('by default as docs/mqtt.md says'),
  escalate,
})

const TECHNICAL_KEYS = Object.keys(TECHNICAL_CONDITIONS) as TechnicalKey[]

export const AlertsSchema = z.strictObject({
  evidence: z
    .enum(['off', ...EVIDENCE_FORMATS])
    .default('off')
    .describe('publish the window behind each alert when it starts, in this format')
    .meta(LIVE),
  tasks: z.record(z.string(), TaskRuleSchema).default({}).describe('by task id, such as AFIB').meta(LIVE),
  technical: z
    .partialRecord(z.enum(TECHNICAL_KEYS), TechnicalRuleSchema)
    .default({})
    .describe('by condition, such as ELECTRODES_OFF')
    .meta(LIVE),
})
