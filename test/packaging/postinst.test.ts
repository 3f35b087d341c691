import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const SCRIPT = readFileSync(new URL('../../../packaging/debian/postinst', import.meta.url), 'utf8')

/** The script as dpkg runs it, below another root, with this user's group for the gateway's, and without systemd. */
function configure(root: string): { status: number | null; err: string } {
  const bin = join(root, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const name of ['systemd-sysusers', 'systemctl', 'udevadm'])
    writeFileSync(join(bin, name), '#!/bin/sh\n', { mode: 0o755 })
  const script = SCRIPT.replaceAll('/etc/ecgclip', join(root, 'etc')).replaceAll(
    'chgrp ecgclip',
    `chgrp ${process.getgid!()}`,
  )
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const { status, stderr } = spawnSync('sh', ['-c', script, 'postinst', 'configure', '0.0.9'], { env })
  return { status, err: String(stderr) }
}

t.test('the configuration is readable to the gateway and to nobody else', async t => {
  const root = t.testdir({ etc: { 'gateway.yaml': '' } })
  t.same(configure(root), { status: 0, err: '' })
  t.equal(statSync(join(root, 'etc/gateway.yaml')).mode & 0o777, 0o640)
})

t.test('an upgrade goes through where the site keeps its configuration elsewhere', async t => {
  t.same(configure(t.testdir({ etc: {} })), { status: 0, err: '' })
})
