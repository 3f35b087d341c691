import t from 'tap'
import { LeadRing } from '../../../../gateway/monitor/live/lead-ring.js'
import { decodeFrame, encodeFrame } from '../../../../gateway/monitor/live/waveform-frame.js'

t.test('a frame, byte by byte', async t => {
  const ring = new LeadRing(12, 8)
  ring.advance(100, 102)
  ring.put(1, 100, 1)
  ring.put(1, 101, -0.5)
  ring.put(6, 100, 0.25)
  const frame = encodeFrame(3, [1, 6], ring, 100, 102)
  const hex = Buffer.from(frame).toString('hex')
  // patient 3 · leads II and V1 = bits 1 and 6 · 2 samples · first sample 100 as f64 · II: 1, −0.5 · V1: 0.25, NaN
  t.equal(hex, '0300' + '4200' + '02000000' + '0000000000005940' + '0000803f' + '000000bf' + '0000803e' + '0000c07f')
  const decoded = decodeFrame(frame)!
  t.match(decoded, { patient: 3, leads: [1, 6], first: 100, count: 2 })
  t.same([...decoded.values(0)], [1, -0.5])
  t.same([...decoded.values(1)], [0.25, Number.NaN])
})

t.test('what is not a frame is not taken for one', async t => {
  const frame = encodeFrame(1, [0], new LeadRing(12, 8), 0, 4)
  for (const length of [0, 15, frame.byteLength - 1]) t.equal(decodeFrame(frame.slice(0, length)), undefined)
  const longer = new Uint8Array(frame.byteLength + 4)
  longer.set(new Uint8Array(frame))
  t.equal(decodeFrame(longer.buffer), undefined)
})
