import { type TrialRequest, tryHere } from './try-here.js'

/**
 * A process that tries the candidates of one `TrialRequest`, tells the `Outcome` of each, and ends.
 */

process.once('message', async (request: TrialRequest) => {
  await tryHere(request, outcome => process.send!(outcome))
  process.disconnect()
})
process.once('disconnect', () => process.exit())
