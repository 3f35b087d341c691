import mqtt from 'mqtt'
import { brokerName, brokerUrl, credentials, EMBEDDED } from '../mqtt/broker-options.js'
import type { Check, Finding } from './check.js'
import { portFault } from './port-fault.js'

const CONNECT_WITHIN_MS = 5000

/** Whether the broker lets the gateway in. The client id is another than the gateway's, which may be running. */
export const brokerCheck: Check = {
  name: 'broker',
  async run({ broker, id }) {
    if (broker.url === EMBEDDED) return [await embeddedPort(broker.embeddedPort)]
    const url = brokerUrl(broker.url, broker.allowPlaintext)
    const found = { subject: brokerName(url) }
    try {
      const client = await mqtt.connectAsync(
        url.href,
        {
          protocolVersion: broker.protocolVersion,
          clientId: `ecgclip-doctor-${id}`,
          connectTimeout: CONNECT_WITHIN_MS,
          reconnectPeriod: 0,
          ...credentials(url, broker),
        },
        false,
      )
      await client.endAsync(true)
      return [{ ...found, outcome: 'ok', detail: 'it lets the gateway in' }]
    } catch (error) {
      const { message, code } = error as Error & { code?: string | number }
      return [{ ...found, outcome: 'failed', detail: message, remedy: remedyFor(code) }]
    }
  },
}

async function embeddedPort(port: number): Promise<Finding> {
  const subject = `embedded, 127.0.0.1:${port}`
  const fault = await portFault('127.0.0.1', port)
  if (fault === null) return { subject, outcome: 'ok', detail: 'the port is free' }
  if (fault !== 'EADDRINUSE')
    return {
      subject,
      outcome: 'warning',
      detail: `it cannot be listened at (${fault})`,
      remedy: 'set broker.embeddedPort to another, from 1024 on, or name a broker as broker.url',
    }
  return {
    subject,
    outcome: 'warning',
    detail: 'the port is taken, by a gateway that runs or by another broker',
    remedy: 'stop the other one, name it as broker.url, or set broker.embeddedPort',
  }
}

/** By the system's error, by TLS's, or by the reason code of CONNACK (MQTT 3.1.1 §3.2.2.3, MQTT 5 §3.2.2.2). */
function remedyFor(code: string | number | undefined): string {
  if (code === 'ECONNREFUSED') return 'start the broker, or correct host and port in broker.url'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'correct the host in broker.url, or the name server of this machine'
  if (code === 'ENOENT' || code === 'EACCES') return 'correct the path of the file, or let this user read it'
  if (typeof code === 'string' && /CERT|SSL|TLS|SELF_SIGNED|ISSUER/.test(code))
    return 'give the authority that signed the broker’s certificate as broker.caFile, and see that the clock is right'
  if ([4, 5, 134, 135].includes(Number(code))) return 'correct broker.username and the content of broker.passwordFile'
  return 'see the broker’s own log; the gateway goes on trying'
}
