import { readFileSync } from 'node:fs'
import { BlockList, isIPv6 } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config/config.js'
import { MonitorError } from './monitor-error.js'

/** Where the HTTP server listens and who may ask it. */
export interface ListenerOptions {
  readonly host: string
  readonly port: number
  /** Only this host can reach it, so only its own names are accepted in `Host`. */
  readonly loopback: boolean
  /** Null: whoever can reach the port is let in. */
  readonly token: string | null
  readonly tls: { readonly cert: string; readonly key: string } | null
}

/** 16 characters of a password generator are more than anyone can guess at the rate that is let through. */
export const SHORTEST_TOKEN = 16

/** Reads the files that the configuration names. Throws a `MonitorError` for what a person must mend. */
export function listenerOptions({ host, port, tokenFile, tls }: Config['monitor']): ListenerOptions {
  const loopback = isLoopback(host)
  if (!loopback && tokenFile === undefined && tls === undefined)
    throw new MonitorError(
      'MONITOR_EXPOSED',
      `monitor.host ${host} would show patients to the whole network: give monitor.tokenFile or monitor.tls, or listen on 127.0.0.1`,
    )
  return {
    host,
    port,
    loopback,
    token: tokenFile === undefined ? null : readToken(tokenFile),
    tls: tls === undefined ? null : readTls(tls),
  }
}

export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  return LOOPBACK.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

function readToken(file: string): string {
  const token = readFile(file, 'MONITOR_TOKEN').trim()
  if (token.length < SHORTEST_TOKEN || /[^\x21-\x7e]/.test(token))
    throw new MonitorError(
      'MONITOR_TOKEN',
      `${file} must hold one token of at least ${SHORTEST_TOKEN} printable characters, e.g. of "openssl rand -hex 32"`,
    )
  return token
}

/** What cannot be used shows here, and not as a port that cannot be had. */
function readTls({ certFile, keyFile }: NonNullable<Config['monitor']['tls']>): ListenerOptions['tls'] {
  const pair = { cert: readFile(certFile, 'MONITOR_TLS'), key: readFile(keyFile, 'MONITOR_TLS') }
  try {
    createSecureContext(pair)
  } catch (cause) {
    throw new MonitorError(
      'MONITOR_TLS',
      `monitor.tls: ${certFile} and ${keyFile} must be a certificate and its private key, both PEM (${(cause as Error).message})`,
      cause,
    )
  }
  return pair
}

function readFile(file: string, code: 'MONITOR_TOKEN' | 'MONITOR_TLS'): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new MonitorError(
      code,
      `The monitor needs ${file}, which cannot be read; check the path and its permissions`,
      cause,
    )
  }
}
