// Runs every test of the project on a fresh Debian-like machine and closes with "N passed, N failed, N skipped".
// Plain JavaScript on purpose: it is what installs and builds everything else. `node test/run.mjs [typescript|python|c …]`
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

process.chdir(join(import.meta.dirname, '..'))
mkdirSync('build/test', { recursive: true })

/** What a suite needs from the system: a program on the PATH (or a file), and the Debian package that brings it. */
const NEEDS = [
  { suite: 'typescript', package: 'chromium', found: () => onPath('chromium') },
  {
    suite: 'typescript',
    package: 'libvulkan1',
    found: () => succeeds('sh', ['-c', '/sbin/ldconfig -p | grep -q libvulkan.so.1']),
  },
  { suite: 'typescript', package: 'bubblewrap', found: () => onPath('bwrap') },
  { suite: 'typescript', package: 'strace', found: () => onPath('strace') },
  { suite: 'typescript', package: 'systemd', found: () => onPath('systemd-analyze') },
  { suite: 'python', package: 'python3-venv', found: () => succeeds('python3', ['-c', 'import venv, ensurepip']) },
  { suite: 'python', package: 'mosquitto', found: () => onPath('mosquitto') },
  { suite: 'python', package: 'mosquitto-clients', found: () => onPath('mosquitto_sub') },
  { suite: 'c', package: 'gcc', found: () => onPath('gcc') },
  { suite: 'c', package: 'libc6-dev', found: () => existsSync('/usr/include/stdio.h') },
  { suite: 'c', package: 'clang', found: () => onPath('clang') },
  { suite: 'c', package: 'libclang-rt-dev', found: () => links('clang', '-fsanitize=address') },
  { suite: 'c', package: 'gcc-arm-none-eabi', found: () => onPath('arm-none-eabi-gcc') },
  {
    suite: 'c',
    package: 'libnewlib-arm-none-eabi',
    found: () => succeeds('arm-none-eabi-gcc', ['--specs=nano.specs', '-E', '-x', 'c', '/dev/null']),
  },
  { suite: 'c', package: 'qemu-system-arm', found: () => onPath('qemu-system-arm') },
]

/** A suite returns what it counted; a suite that could not run at all counts as one failure. */
const SUITES = { typescript, python, c }

const wanted = process.argv.slice(2)
const suites = wanted.length > 0 ? wanted : Object.keys(SUITES)
const total = { passed: 0, failed: 0, skipped: 0 }

installSystemPackages()
if (!prepareNode()) add({ passed: 0, failed: 1, skipped: 0 })
else for (const suite of suites) add(SUITES[suite]())

process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

function typescript() {
  preparePython() // the BLE tests run against a virtual controller in Python, and are skipped without it
  nameModelLibraries()
  const lint = run('node_modules/.bin/biome', ['check', '--error-on-warnings', '.']) ? 1 : 0
  const file = 'build/test/tap.txt'
  rmSync(file, { force: true })
  // tap builds its set of plugins at its first run, and uses it from the second one on.
  if (!existsSync('.tap/plugins')) run('node_modules/.bin/tap', ['build'])
  // A line a file as it ends; what failed, whole, afterwards.
  const aLineAFile = "awk '/^(not )?ok/ && !seen[$0]++ { print; fflush() }'"
  run('sh', ['-c', `node_modules/.bin/tap --output-file=${file} --reporter=tap | ${aLineAFile}`])
  const output = existsSync(file) ? readFileSync(file, 'utf8') : ''
  for (const [failure] of output.matchAll(/^ *not ok .*(\n +---\n[\s\S]*?\n +\.\.\.$)?/gm)) say(failure)
  // The closing comment of a TAP stream as tap writes it: "# { total: 13, pass: 12, fail: 1, skip: 0, todo: 0 }".
  const tally = output.match(/^# \{ total.*\}$/gm)?.at(-1)
  const of = word => Number(tally?.match(new RegExp(`${word}: (\\d+)`))?.[1] ?? 0)
  return {
    passed: of('pass') + lint,
    failed: (tally ? of('fail') : 1) + (1 - lint),
    skipped: of('skip') + of('todo'),
  }
}

function python() {
  const bin = preparePython()
  if (!bin) return { passed: 0, failed: 1, skipped: 0 }
  const checks = [
    run(join(bin, 'ruff'), ['check', 'quantize', 'test', 'firmware-bridge']),
    run(join(bin, 'mypy'), [], { cwd: 'quantize' }),
  ]
  const passed = checks.filter(Boolean).length
  // What these tests start is the program as it comes, without libraries that a site may add; LiteRT's write to its standard error.
  delete process.env.ECGCLIP_TFLITE
  delete process.env.ECGCLIP_LITERT
  const tests = pytest(bin, ['quantize/tests', 'test'])
  return { ...tests, passed: tests.passed + passed, failed: tests.failed + checks.length - passed }
}

function c() {
  const result = spawnSync('make', ['--no-print-directory', '-C', 'firmware-bridge/firmware', 'test'], {
    encoding: 'utf8',
  })
  process.stdout.write(result.stdout + result.stderr)
  const lines = [...result.stdout.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)]
  const sum = group => lines.reduce((count, line) => count + Number(line[group] ?? 0), 0)
  return { passed: sum(1), failed: Math.max(sum(2), result.status === 0 ? 0 : 1), skipped: sum(3) }
}

function pytest(bin, paths) {
  const report = 'build/test/pytest.xml'
  rmSync(report, { force: true })
  const ok = run(join(bin, 'pytest'), ['-q', '-rs', `--junitxml=${report}`, ...paths], {
    env: { PYTHONPATH: 'quantize' },
  })
  const head = existsSync(report) ? readFileSync(report, 'utf8').match(/<testsuite [^>]*>/)?.[0] : undefined
  const of = word => Number(head?.match(new RegExp(`${word}="(\\d+)"`))?.[1] ?? 0)
  const failed = of('failures') + of('errors')
  return { passed: of('tests') - failed - of('skipped'), failed: Math.max(failed, ok ? 0 : 1), skipped: of('skipped') }
}

function installSystemPackages() {
  const missing = NEEDS.filter(need => suites.includes(need.suite) && !need.found())
  if (missing.length === 0) return
  const names = missing.map(need => need.package)
  const prefix = process.getuid?.() === 0 ? [] : succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined
  if (prefix && onPath('apt-get')) {
    const apt = (...args) => {
      const [program, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args]
      return run(program, rest)
    }
    apt('update')
    apt('install', '-y', '--no-install-recommends', ...names)
  }
  for (const need of missing.filter(need => !need.found()))
    say(
      `missing: ${need.package} (apt-get install ${need.package}); the tests of suite "${need.suite}" that need it are left out`,
    )
}

function prepareNode() {
  // npm ci writes node_modules/.package-lock.json last: a marker that names exactly what is installed.
  const marker = 'node_modules/.ecgclip-lock'
  if (!unchanged(marker, ['package-lock.json'])) {
    if (!run('npm', ['ci', '--ignore-scripts'])) return false
    remember(marker, ['package-lock.json'])
  }
  rmSync('dist/test', { recursive: true, force: true })
  return ['tsconfig.json', 'gateway/monitor/page'].every(project => run('node_modules/.bin/tsc', ['-p', project]))
}

function preparePython() {
  const requirements = ['quantize/requirements.txt', 'test/requirements.txt']
  const marker = '.venv/.ecgclip-lock'
  const bin = join(process.cwd(), '.venv/bin')
  if (unchanged(marker, requirements)) return bin
  if (!existsSync(join(bin, 'pip')) && !run('python3', ['-m', 'venv', '.venv'])) return undefined
  if (!run(join(bin, 'pip'), ['install', '-q', ...requirements.flatMap(file => ['-r', file])])) return undefined
  remember(marker, requirements)
  // Zephyr's SMP servers, prebuilt, come with the source of smpclient only; without them their tests are skipped.
  run(join(bin, 'python'), ['test/firmware-bridge/flash/fetch_zephyr_servers.py'])
  return bin
}

/** The libraries of TensorFlow Lite: in the Python package of LiteRT, and in an npm package that is taken for its C API alone. */
function nameModelLibraries() {
  const pythons = existsSync('.venv/lib') ? readdirSync('.venv/lib') : []
  const litert = pythons.map(python => join('.venv/lib', python, 'site-packages/ai_edge_litert/libLiteRt.so'))
  for (const library of litert.filter(path => existsSync(path)))
    process.env.ECGCLIP_LITERT ??= join(process.cwd(), library)
  const folder = 'build/test/tflite'
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch]
  const tflite = `${folder}/package/cc_deps/linux_${architecture}/libtensorflowlite_c.so`
  if (!existsSync(tflite)) {
    mkdirSync(folder, { recursive: true })
    run('npm', ['pack', '--silent', '--pack-destination', folder, 'tfjs-tflite-node@0.0.2'])
    run('tar', ['-xzf', `${folder}/tfjs-tflite-node-0.0.2.tgz`, '-C', folder, 'package/cc_deps'])
  }
  if (existsSync(tflite)) process.env.ECGCLIP_TFLITE ??= join(process.cwd(), tflite)
}

function fingerprint(files) {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest('hex')
}

function unchanged(marker, files) {
  return existsSync(marker) && readFileSync(marker, 'utf8') === fingerprint(files)
}

function remember(marker, files) {
  writeFileSync(marker, fingerprint(files))
}

function add(counted) {
  for (const key of Object.keys(total)) total[key] += counted[key]
}

function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))
}

/** Whether a compiler has what this flag links in. */
function links(compiler, flag) {
  const options = { input: 'int main(void) { return 0; }', stdio: ['pipe', 'ignore', 'ignore'] }
  return spawnSync(compiler, [flag, '-x', 'c', '-', '-o', '/dev/null'], options).status === 0
}

function succeeds(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

function run(program, args, { cwd = '.', env = {} } = {}) {
  say(`$ ${[program, ...args].join(' ')}`)
  return spawnSync(program, args, { stdio: 'inherit', cwd, env: { ...process.env, ...env } }).status === 0
}

function say(line) {
  process.stdout.write(`${line}\n`)
}
