import { readFileSync } from 'node:fs'
import t from 'tap'
import { PROVIDERS, providerRefusal } from '../../../gateway/inference/providers.js'

const guide = readFileSync(new URL('../../../../docs/boards.md', import.meta.url), 'utf8')

t.test('the board guide has every provider, with what it needs', async t => {
  for (const { format, name, needs } of PROVIDERS) t.match(guide, `| \`${name}\` | ${format} | `, needs)
})

t.test('whatever cannot be tried here says what it needs', async t => {
  for (const { format, name } of PROVIDERS) {
    const refusal = providerRefusal(format, name)
    if (refusal !== undefined) t.match(refusal, /needs|does not exist/)
  }
  t.equal(providerRefusal('onnx', 'cpu'), undefined)
  t.match(providerRefusal('onnx', 'edgetpu'), /no such provider; onnx files run on cpu, webgpu/)
})
