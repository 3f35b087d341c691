import { readFileSync } from 'node:fs'
import type { IClientOptions } from 'mqtt'
import { MessagingError } from './messaging-error.js'

/** Which broker, and how to be let in. Secrets come from files and are read again at every attempt, so they can be renewed in place. */
export interface BrokerOptions {
  /** `mqtt://HOST:PORT`, `mqtts://HOST:PORT`, or `embedded`. */
  readonly url: string
  readonly embeddedPort?: number
  readonly username?: string | undefined
  readonly passwordFile?: string | undefined
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly allowPlaintext?: boolean
  /** 4: MQTT 3.1.1, the default; 5: MQTT 5.0. */
  readonly protocolVersion?: 4 | 5
}

export const EMBEDDED = 'embedded'

/** The URL, checked. Throws a `MessagingError` for one that cannot be used, or that would send ECG findings in the clear. */
export function brokerUrl(text: string, allowPlaintext: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['mqtt:', 'mqtts:'].includes(url.protocol) || url.hostname === '')
    throw new MessagingError(
      'BROKER_URL',
      `"${withoutPassword(text)}" is not a broker; give mqtt://HOST:PORT, mqtts://HOST:PORT or "${EMBEDDED}".`,
      { exitCode: 2 },
    )
  if (url.protocol === 'mqtt:' && !allowPlaintext && !isLoopback(url.hostname))
    throw new MessagingError(
      'BROKER_PLAINTEXT',
      `The connection to ${url.hostname} would not be encrypted; use mqtts://, or allow plaintext in the configuration (broker.allowPlaintext).`,
      { exitCode: 2 },
    )
  return url
}

/** For logs and messages: who and where, never the password. */
export const brokerName = (url: URL): string => `${url.protocol}//${url.host}`

/** Reads the files. Throws what `readFileSync` throws. */
export function credentials(url: URL, options: BrokerOptions): Partial<IClientOptions> {
  const { username = decoded(url.username), passwordFile, caFile, certFile, keyFile } = options
  const password = passwordFile === undefined ? decoded(url.password) : firstLine(passwordFile)
  return {
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
}

/** A % that encodes nothing is itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const firstLine = (file: string): string => readFileSync(file, 'utf8').split('\n', 1)[0]!.trim()

/** Up to the last @, for a password may have one, or a slash, which is why its URL cannot be used. */
const withoutPassword = (text: string): string => text.replace(/^(\w+:\/\/)?.*@/s, '$1')

function isLoopback(hostname: string): boolean {
  return /^localhost$/i.test(hostname) || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
