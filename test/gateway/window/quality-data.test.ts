import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Seconds } from '../../../ecg/units.js'
import { readWfdb } from '../../../firmware-bridge/recording/read-wfdb.js'
import { recordingWindows } from '../../../gateway/window/recording-windows.js'
import { bundleInput } from './bundle-input.js'

const folder = process.env.ECGCLIP_DATA && join(process.env.ECGCLIP_DATA, 'quality')
const fields = folder && (await readFile(join(folder, 'fields.csv'), 'utf8').catch(() => undefined))
const skip = fields ? false : 'ECGCLIP_DATA names no folder with the records of the CinC Challenge 2011 in quality/'

t.test('on real ECG, objects to what people did not accept, and only to that', { skip }, async t => {
  const rows = fields!
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map(line => line.split(','))
  const counts = { acceptable: { good: 0, total: 0, none: 0 }, unacceptable: { good: 0, total: 0, none: 0 } }
  for (const [id, label] of rows) {
    if (label !== 'acceptable' && label !== 'unacceptable') continue
    const { recording } = await readWfdb(join(folder!, id!))
    const [window] = recordingWindows(recording, bundleInput(), Seconds(5))
    counts[label].total++
    if (window!.quality === 'good') counts[label].good++
    if (window!.quality === 'uninterpretable') counts[label].none++
  }
  const { acceptable, unacceptable } = counts
  const specificity = acceptable.good / acceptable.total
  const sensitivity = 1 - unacceptable.good / unacceptable.total
  t.comment(`balanced accuracy ${((specificity + sensitivity) / 2).toFixed(3)}, specificity ${specificity.toFixed(3)}`)
  t.ok((specificity + sensitivity) / 2 > 0.85)
  t.equal(acceptable.none, 0, 'nothing that people accepted is called uninterpretable')
})
