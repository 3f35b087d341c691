import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { openPseudoTerminal, type PseudoTerminal } from '../../../firmware-bridge/emulator/pseudo-terminal.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { account, listenTo, makeBoard, qemuImage } from './board-host.js'

const skip = makeBoard('qemu', ['arm-none-eabi-gcc', 'qemu-system-arm'])

/** The synthetic beat of 800 ms at 500 Hz. */
const BEAT = 400

function startQemu(t: Test, serial: string): ChildProcess {
  const qemu = spawn(
    'qemu-system-arm',
    ['-M', 'mps2-an385', '-display', 'none', '-monitor', 'stdio', '-serial', serial, '-kernel', qemuImage].concat([
      '-semihosting-config',
      'enable=on,target=native',
    ]),
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  t.teardown(() => qemu.kill('SIGKILL'))
  return qemu
}

/**
 * QEMU's UART on one side, a pseudo-terminal for the host on the other, and bytes that get lost on the way to the host. It is QEMU
 * that connects: the socket of a QEMU that listens exists before it takes anybody.
 */
async function lossyCable(t: Test, probability: number): Promise<PseudoTerminal & { readonly serial: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'ecgclip-'))
  const path = join(folder, 'uart')
  const random = createRandom(5)
  let uart: Socket | undefined
  const port = openPseudoTerminal(bytes => uart?.write(Uint8Array.from(bytes)))
  const server = createServer(socket => {
    uart = socket
    socket.on('error', () => {}) // the emulator has been killed
    socket.on('data', data => port.write(data.filter(() => random() >= probability)))
  }).listen(path)
  t.teardown(async () => {
    server.close()
    uart?.destroy()
    await port.close()
    rmSync(folder, { recursive: true })
  })
  await once(server, 'listening')
  return { ...port, serial: `unix:${path}` }
}

t.test('the Cortex-M3 image streams through the real serialport, sample for sample', { skip }, async t => {
  const qemu = startQemu(t, 'pty')
  let path: string | undefined
  for await (const line of createInterface(qemu.stdout!)) {
    path = /redirected to (\S+)/.exec(line)?.[1]
    if (path) break
  }
  const host = listenTo(`serial:${path}`)
  t.teardown(() => host.stop())
  await host.until(() => host.samples.length > 2 * BEAT)
  t.match(host.identities, [{ id: 'qemu-mps2-an385', rate: 500, lsb: 47_684e-9, retain: 2000 }])
  t.strictSame(host.identities[0]!.channels, ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'])
  t.equal(host.dropped(), 0)
  t.strictSame(account(host.samples), { missing: 0, twice: 0 })
  const wrong = host.samples.filter(
    ({ values }, i) => i >= BEAT && values.join() !== host.samples[i - BEAT]!.values.join(),
  )
  t.strictSame(wrong, [], 'the synthetic beat repeats exactly')
  const rWave = host.samples.reduce((most, { values }) => Math.max(most, values[1]!), 0)
  t.equal(rWave, Math.floor((1100 * 1e6) / 47_684), 'II peaks at 1.1 mV, through the wiring of the front end')
  t.match(host.stream.counters, { badFrames: 0, unknownTypes: 0 })
})

t.test('bytes lost between the Cortex-M3 image and the serial port are made good by RESEND', { skip }, async t => {
  const cable = await lossyCable(t, 500e-6)
  startQemu(t, cable.serial)
  const host = listenTo(cable.uri)
  t.teardown(() => host.stop())
  await host.until(() => host.samples.filter(sample => sample.retransmission).length >= 50)
  const { missing, twice } = account(host.samples)
  t.equal(twice, 0)
  t.equal(missing, host.stream.counters.missingSamples)
  t.ok(host.stream.counters.badFrames > 0)
  t.ok(host.stream.counters.resendRequests > 0)
  const heard = new Map(host.samples.map(({ index, values }) => [index, values.join()]))
  const wrong = host.samples.filter(({ index, values }) => (heard.get(index + BEAT) ?? values.join()) !== values.join())
  t.strictSame(wrong, [], 'resent samples are the ones that were lost')
})

t.test('a reset of the Cortex-M3, and one killed and started again, are reboots', { skip }, async t => {
  const cable = await lossyCable(t, 0)
  const first = startQemu(t, cable.serial)
  const host = listenTo(cable.uri)
  t.teardown(() => host.stop())
  await host.until(() => host.samples.length > 100)

  first.stdin!.write('system_reset\n')
  await host.until(() => host.identities.length === 2 && host.samples.length > 100)
  t.equal(host.stream.counters.reboots, 1)
  t.strictSame(account(host.samples), { missing: 0, twice: 0 })

  first.kill('SIGKILL')
  await once(first, 'exit')
  startQemu(t, cable.serial)
  await host.until(() => host.identities.length === 3 && host.samples.length > 100)
  t.equal(host.stream.counters.reboots, 2)
  t.strictSame(account(host.samples), { missing: 0, twice: 0 })
  t.equal(new Set(host.identities.map(identity => identity.boot)).size, 3)
})
