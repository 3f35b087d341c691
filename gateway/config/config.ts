import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { AlertsSchema } from './alerts-config.js'
import { LIVE } from './live.js'

/**
 * The configuration: one schema gives the types, the validation, the JSON Schema, the documentation of every key, and what can
 * change while the gateway runs. Every key has a default, so an empty file is a valid one; unknown keys are refused.
 *
 * After a change that an older file cannot be read with, raise `CONFIG_VERSION` and add a migration (`migrations.ts`).
 * After any change, `make reference` writes docs/configuration.md anew.
 */

export const CONFIG_VERSION = 1

/** Where a gateway that is told nothing else keeps its state: outbox, sequence numbers, model store. */
const defaultDataFolder = () =>
  process.env.STATE_DIRECTORY ??
  join(process.env.XDG_STATE_HOME ?? join(process.env.HOME ?? '.', '.local/state'), 'ecgclip')

/** Also the gateway's level in MQTT topics. */
const defaultId = () => hostname().replaceAll(/[^A-Za-z0-9_-]/g, '-') || 'gateway'

const DeviceSchema = z.strictObject({
  uri: z
    .string()
    .min(1)
    .describe(
      '"auto" for the one that is plugged in, or serial:PATH?baud=N, ble:ADDRESS, tcp:HOST:PORT, replay:RECORD; ?driver=NAME for a vendor protocol',
    ),
})

const BrokerSchema = z.strictObject({
  url: z
    .string()
    .default('embedded')
    .describe('mqtt://HOST:PORT, mqtts://HOST:PORT, or "embedded" for a broker of its own on loopback'),
  embeddedPort: z
    .int()
    .min(0)
    .max(65535)
    .default(1883)
    .describe('loopback port of the embedded broker; 0 takes any free one'),
  base: z.string().min(1).default('ecg').describe('first level of every topic'),
  username: z.string().optional().describe('of the gateway at the broker'),
  passwordFile: z.string().optional().describe('file that holds the password; never the password itself'),
  caFile: z.string().optional().describe('PEM of the authority that signed the broker’s certificate'),
  certFile: z.string().optional().describe('PEM of the client’s certificate, for mutual TLS'),
  keyFile: z.string().optional().describe('PEM of the client’s private key, for mutual TLS'),
  allowPlaintext: z.boolean().default(false).describe('permit an unencrypted connection to another host'),
  assessmentQos: z
    .union([z.literal(0), z.literal(1)])
    .default(0)
    .describe('1: assessments are sent again until the broker has acknowledged them'),
  protocolVersion: z
    .union([z.literal(4), z.literal(5)])
    .default(4)
    .describe('4 for MQTT 3.1.1; 5 for MQTT 5, which also tells content type, schema and expiry'),
  outboxMebibytes: z
    .int()
    .min(1)
    .max(65_536)
    .default(256)
    .describe('alerts that the broker has not taken; beyond it the least important are given up, and that is told'),
})

const MirrorSchema = BrokerSchema.omit({ embeddedPort: true }).extend({
  url: z
    .string()
    .refine(url => url !== 'embedded', 'a mirror needs a broker of its own: mqtt://HOST:PORT or mqtts://HOST:PORT')
    .describe('mqtt://HOST:PORT or mqtts://HOST:PORT'),
  assessments: z.boolean().default(true).describe('false: alerts and states only'),
})

const InferenceSchema = z.strictObject({
  provider: z.string().default('auto').describe('"auto" takes the fastest that passes the bundle’s goldens'),
  variant: z.string().default('auto').describe('file name or precision of one variant of the bundle'),
  workers: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('worker threads; by default as many as the devices need on this machine'),
})

const MonitorSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('serve the monitor page, /metrics, /healthz and /readyz'),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('address to listen on; off loopback a token or TLS is required'),
  port: z.int().min(0).max(65535).default(8312).describe('0 takes any free one'),
  tokenFile: z.string().optional().describe('file that holds the token which is asked for; never the token itself'),
  tls: z
    .strictObject({
      certFile: z.string().describe('PEM of the certificate, with its chain'),
      keyFile: z.string().describe('PEM of its private key'),
    })
    .optional(),
})

export const ConfigSchema = z.strictObject({
  version: z.literal(CONFIG_VERSION).default(CONFIG_VERSION).describe('format of this file'),
  id: z
    .string()
    .regex(/^[^\s/+#\p{Cc}]{1,64}$/u, 'it must be 1 to 64 characters without blanks, /, + and #')
    .default(defaultId)
    .describe('this gateway’s name, the second level of every topic')
    .meta({ 'x-default': 'the host’s name' }),
  devices: z.array(DeviceSchema).default([]).describe('front ends to listen to, one patient each'),
  broker: BrokerSchema.prefault({}),
  mirrors: z
    .record(z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'it must be 1 to 32 letters, digits, - and _'), MirrorSchema)
    .default({})
    .describe(
      'by name, further brokers or topics that get the same messages, but no evidence; they take no commands but health',
    ),
  bundle: z
    .string()
    .optional()
    .describe('folder of a model bundle to run, whatever is installed; by default the active one of the model store'),
  trust: z.string().optional().describe('folder of further public keys (PEM) whose bundles are accepted'),
  overlay: z
    .string()
    .optional()
    .describe('file of a signed overlay: tasks, thresholds and heads that the site changes of the bundle'),
  models: z
    .strictObject({
      caFile: z
        .string()
        .optional()
        .describe('PEM of the authority of the server that bundles are fetched from, if it is not a public one'),
    })
    .prefault({}),
  data: z
    .string()
    .default(defaultDataFolder)
    .describe('folder for the gateway’s state')
    .meta({ 'x-default': 'STATE_DIRECTORY of the service, else ~/.local/state/ecgclip' }),
  alerts: AlertsSchema.prefault({}),
  hopSeconds: z.number().min(0.5).max(10).default(5).describe('a new 10-second window starts this often'),
  inference: InferenceSchema.prefault({}),
  monitor: MonitorSchema.prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('lines below this level are not written')
        .meta(LIVE),
    })
    .prefault({}),
})

export type Config = z.infer<typeof ConfigSchema>
