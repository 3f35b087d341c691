import t from 'tap'
import type { SmpClient } from '../../../../firmware-bridge/flash/smp/smp-client.js'
import { createSmpCommands } from '../../../../firmware-bridge/flash/smp/smp-commands.js'

/** A device that answers everything with this. */
function answering(body: Record<string, unknown>) {
  const client = { ask: async () => new Map(Object.entries(body)) }
  return createSmpCommands(client as unknown as SmpClient)
}

t.test('a list of images or slots that is none is told as malformed, or as not told', async t => {
  for (const images of [undefined, 7, 'x', [7], [null], [new Map(), 'x']]) {
    await t.rejects(answering({ images }).images(), { code: 'smp-malformed', message: /without a list of images/ })
    t.equal(await answering({ images }).slots(), undefined)
  }
  t.same(await answering({ images: [new Map([['slots', [7]]])] }).slots(), [])
  t.match(await answering({ images: [new Map()] }).images(), [{ image: 0, slot: 0, version: '?', active: false }])
})
