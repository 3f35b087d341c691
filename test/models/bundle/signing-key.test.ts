import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generateSigningKey, signFile } from '../../../models/bundle/signing-key.js'

const SIGNING = new URL('../../../models/bundle/signing-key.js', import.meta.url).href

t.test('a signature that cannot be written leaves the one that there is', async t => {
  const folder = t.testdir()
  const [file, signature, key] = ['overlay.json', 'overlay.json.sig', 'key.pem'].map(name => join(folder, name))
  writeFileSync(file!, '{}')
  const { id } = generateSigningKey(key!)
  signFile(file!, signature!, key!)
  const before = readFileSync(signature!, 'utf8')
  t.equal(JSON.parse(before).key, id)

  const sign = `import(${JSON.stringify(SIGNING)}).then(({ signFile }) => signFile(...process.argv.slice(1)))`
  // A process that may write no byte, as on a full disk.
  const fails = () =>
    execFileSync('sh', ['-c', 'ulimit -f 0; exec "$0" -e "$@"', process.execPath, sign, file!, signature!, key!], {
      stdio: 'pipe',
    })
  t.throws(fails, /EFBIG/)
  t.equal(readFileSync(signature!, 'utf8'), before)
  t.same(readdirSync(folder).sort(), [`${id}.pem`, 'key.pem', 'overlay.json', 'overlay.json.sig'].sort())
})
