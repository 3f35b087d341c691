import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** As in ecg_peripheral.py. */
export interface RadioDevice {
  readonly address: string
  readonly name?: string
  readonly mtu?: number
  readonly rate?: number
  readonly channels?: number
  readonly value_bytes?: 2 | 3
  readonly retain?: number
  readonly loss?: number
  readonly speed?: number
  readonly service?: string
  readonly advertised?: boolean
  readonly smp?: string
}

export interface RadioAccount {
  /** [first, count] of samples that reached the host's controller, in order. */
  readonly delivered: readonly [number, number][]
  readonly sent: number
  readonly lost: number
  /** Samples in a notification. */
  readonly block: number
  readonly streaming: boolean
}

export interface VirtualRadio {
  /** For `?adapter=`. */
  readonly adapter: string
  do(order: 'plug' | 'unplug' | 'reset' | 'hang' | 'pass_by'): Promise<unknown>
  do(order: 'leave' | 'slip_away' | 'come_back', device: number): Promise<unknown>
  do(order: 'refuse_connections', yes: boolean): Promise<unknown>
  account(device: number): Promise<RadioAccount>
  close(): Promise<void>
}

const PYTHON = '.venv/bin/python'
const PROGRAM = 'test/firmware-bridge/ble/virtual_radio.py'

/** Why there is no virtual radio here, or false. */
export const NO_RADIO: string | false = !existsSync(PYTHON)
  ? 'needs Python with bumble: node test/run.mjs python makes .venv'
  : spawnSync(PYTHON, ['-c', 'import bumble.controller, cbor2']).status !== 0 &&
    'needs bumble in .venv: pip install -r test/requirements.txt'

/** Bluetooth without hardware: an adapter behind a pseudo-terminal in that folder and ECG Link devices around it. */
export async function openVirtualRadio(folder: string, devices: readonly RadioDevice[]): Promise<VirtualRadio> {
  const path = join(folder, 'hci')
  const child = spawn(PYTHON, [PROGRAM, path, JSON.stringify(devices)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()

  async function order(order: object): Promise<unknown> {
    child.stdin.write(`${JSON.stringify(order)}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error('the virtual radio has ended')
    return JSON.parse(value)
  }

  return {
    adapter: `uart:${path}`,
    do: (what: string, argument?: number | boolean) => {
      if (typeof argument === 'number') return order({ do: what, device: argument })
      return order(argument === undefined ? { do: what } : { do: what, yes: argument })
    },
    account: async device => (await order({ do: 'account', device })) as RadioAccount,
    async close() {
      if (child.exitCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
