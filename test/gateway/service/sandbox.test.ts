import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'

/** The service's unit: what it forbids, and that the gateway needs nothing of that. */

t.setTimeout(240_000)

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const MAIN = join(ROOT, 'dist/gateway/cli/main.js')
const UNIT = join(ROOT, 'packaging/systemd/ecgclip.service')
const USER = 990
const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const missing = (...programs: string[]) => {
  const absent = programs.filter(program => !has(program))
  return absent.length > 0 && `needs ${absent.join(', ')}`
}
const RESTRICTIONS = [
  '--unshare-user',
  '--uid',
  `${USER}`,
  '--gid',
  `${USER}`,
  '--unshare-pid',
  '--unshare-ipc',
  '--cap-drop',
  'ALL',
]
const CAN_RESTRICT =
  !missing('bwrap') &&
  spawnSync('bwrap', [...RESTRICTIONS, '--unshare-net', '--ro-bind', '/', '/', 'true']).status === 0
const CAN_TRACE = !missing('strace') && spawnSync('strace', ['-f', '-c', '-o', '/dev/null', 'true']).status === 0

t.test('systemd takes the unit, and judges its exposure as low', { skip: missing('systemd-analyze') }, async t => {
  const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=25', UNIT], {
    encoding: 'utf8',
  })
  t.equal(judged.status, 0, judged.stderr)
  t.match(judged.stdout, /Overall exposure level for ecgclip\.service: [12]\.\d OK/)
  t.match(readFileSync(UNIT, 'utf8'), /^Type=notify$/m)
})

t.test(
  'an unprivileged gateway on a read-only root listens where documented and nowhere else',
  { skip: !CAN_RESTRICT && 'needs bwrap and user namespaces' },
  async t => {
    const { state, log } = stateFolder(t)
    const gateway = spawn(
      'bwrap',
      [
        ...RESTRICTIONS,
        '--unshare-net',
        '--die-with-parent',
        '--ro-bind',
        '/',
        '/',
        '--proc',
        '/proc',
        '--dev',
        '/dev',
        '--tmpfs',
        '/tmp',
        '--bind',
        state,
        state,
        process.execPath,
        MAIN,
        'run',
        '--id',
        'sandboxed',
        '--data',
        state,
        '--device',
        `replay:${join(ROOT, 'models/demo/demo')}`,
      ],
      { stdio: ['ignore', 'ignore', log.descriptor], env: { PATH: process.env.PATH } },
    )
    t.teardown(() => gateway.kill('SIGKILL'))
    await log.says(/"gateway started"/, gateway)
    await log.says(/"streaming"/, gateway)
    const pid = innermost(gateway.pid!)
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    t.match(status, /^CapEff:\s+0+$/m, 'no capabilities')
    t.match(status, /^NoNewPrivs:\s+1$/m)
    t.same(listening(pid), ['127.0.0.1:1883', '127.0.0.1:8312'], 'SECURITY.md names these')
    t.notMatch(log.text(), /"level":(50|60)/, 'nothing that it needs is forbidden')
  },
)

t.test(
  'every system call it makes is one that the unit lets through',
  { skip: missing('strace', 'systemd-analyze') || (!CAN_TRACE && 'needs leave to trace') },
  async t => {
    const { state, log } = stateFolder(t)
    const counts = join(state, 'strace')
    const gateway = spawn(
      'strace',
      [
        '-f',
        '-c',
        '-o',
        counts,
        process.execPath,
        MAIN,
        'run',
        '--id',
        'traced',
        '--data',
        join(state, 'data'),
        '--broker',
        'embedded',
        '--device',
        `replay:${join(ROOT, 'models/demo/demo')}`,
        '-c',
        config(state),
      ],
      { stdio: ['ignore', 'ignore', log.descriptor] },
    )
    t.teardown(() => gateway.kill('SIGKILL'))
    await log.says(/"gateway started"/, gateway)
    await log.says(/the monitor page is served/, gateway)
    const [, url] = /"url":"(http:[^"]+)"/.exec(log.text())!
    await assessedOne(url!)
    process.kill(innermost(gateway.pid!), 'SIGTERM')
    await once(gateway, 'exit')
    const used = [
      ...readFileSync(counts, 'utf8').matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+\d+\s+(?:\d+\s+)?(\w+)$/gm),
    ].map(([, name]) => name!)
    t.ok(used.length > 40, `${used.length} kinds of call were seen`)
    const allowed = filterOf(/^SystemCallFilter=(.*)$/m.exec(readFileSync(UNIT, 'utf8'))![1]!.split(' '))
    // The total's line, and calls that systemd always lets through (systemd.exec(5), SystemCallFilter=).
    const always = new Set([
      'total',
      'execve',
      'exit',
      'exit_group',
      'getrlimit',
      'rt_sigreturn',
      'sigreturn',
      'restart_syscall',
    ])
    t.same(
      used.filter(name => !allowed.has(name) && !always.has(name)),
      [],
    )
  },
)

function stateFolder(t: Test) {
  const state = mkdtempSync(join(tmpdir(), 'ecgclip-sandbox-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  // As seen from inside, it belongs to the only user there is.
  chmodSync(state, 0o700)
  const file = join(state, 'log')
  writeFileSync(file, '')
  const text = () => readFileSync(file, 'utf8')
  return {
    state,
    log: {
      descriptor: openSync(file, 'a'),
      text,
      async says(pattern: RegExp, process: ChildProcess) {
        const deadline = Date.now() + 120_000
        while (!pattern.test(text())) {
          if (process.exitCode !== null || Date.now() > deadline)
            throw new Error(`${pattern} was not logged: ${text()}`)
          await sleep(50)
        }
      },
    },
  }
}

/** Resolves when a window has been assessed. */
async function assessedOne(url: string) {
  const deadline = Date.now() + 60_000
  while (!/^ecgclip_windows_total\{.*\} [1-9]/m.test(await (await fetch(new URL('/metrics', url))).text())) {
    if (Date.now() > deadline) throw new Error('no window was assessed within 60 s')
    await sleep(200)
  }
}

function config(folder: string): string {
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, 'broker: { embeddedPort: 0 }\nmonitor: { port: 0 }\n')
  return file
}

/** The last of the only children. */
function innermost(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return children === '' ? pid : innermost(Number(children.split(' ')[0]))
}

/** In the network namespace of the process: what listens, as /proc/net/tcp shows it (state 0A), and every UDP socket. */
function listening(pid: number): string[] {
  const sockets = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap(protocol => {
    const path = `/proc/${pid}/net/${protocol}`
    if (!existsSync(path)) return []
    return [...readFileSync(path, 'utf8').matchAll(/^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ ([0-9A-F]{2})/gm)]
      .filter(([, , , state]) => protocol.startsWith('udp') || state === '0A')
      .map(([, address, port]) => `${readable(address!)}:${Number.parseInt(port!, 16)}`)
  })
  return sockets.sort()
}

/** IPv4 in the byte order of the host; anything longer is left as it is, for it must not be there. */
const readable = (hex: string): string => (hex.length === 8 ? [...Buffer.from(hex, 'hex').reverse()].join('.') : hex)

function filterOf(names: readonly string[], seen = new Set<string>()): Set<string> {
  const allowed = new Set<string>()
  for (const name of names) {
    if (!name.startsWith('@')) allowed.add(name)
    else if (!seen.has(name)) {
      seen.add(name)
      const text = execFileSync('systemd-analyze', ['syscall-filter', name], { encoding: 'utf8' })
      const inside = [...text.matchAll(/^ {4}([@\w-]+)$/gm)].map(([, inner]) => inner!)
      for (const call of filterOf(inside, seen)) allowed.add(call)
    }
  }
  return allowed
}
