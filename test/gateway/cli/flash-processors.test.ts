import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { createConsoleDecoder, encodeConsole } from '../../../firmware-bridge/flash/smp/console-frame.js'
import {
  decodeSmp,
  encodeSmp,
  ImageCommand,
  OsCommand,
  SmpGroup,
  type SmpMessage,
  SmpOperation,
} from '../../../firmware-bridge/flash/smp/smp-message.js'
import { flashCommand } from '../../../gateway/cli/flash.js'
import { type MadeImage, makeImage, NO_IMGTOOL } from '../../firmware-bridge/flash/image-maker.js'
import { runHere } from './run-here.js'

const skip = NO_IMGTOOL

/** On trial on both processors, as far as Zephyr's server tells it and takes it (img_mgmt_state.c). */
async function openTwoProcessors(t: Test, own: MadeImage) {
  const trial = { slot: 0, bootable: true, active: true, confirmed: false, pending: false }
  const images = [
    { image: 0, version: '2.0.0', hash: Buffer.alloc(32, 7), ...trial },
    { image: 1, version: '1.1.0', hash: Buffer.from(own.image.hash), ...trial },
  ]

  function answerTo({ operation, group, command, body }: SmpMessage): Record<string, unknown> {
    if (group === SmpGroup.Os && command === OsCommand.Echo) return { r: body.get('d') }
    if (group !== SmpGroup.Image || command !== ImageCommand.State) return { rc: 8 }
    if (operation === SmpOperation.Write) {
      const hash = body.get('hash') as Uint8Array | undefined
      const named = images.find(image => (hash ? image.hash.equals(hash) : image.image === 0))!
      named.confirmed = body.get('confirm') === true
    }
    return { images }
  }

  const server = createServer(socket => {
    const decoder = createConsoleDecoder({
      message(bytes) {
        const request = decodeSmp(bytes)!
        const operation =
          request.operation === SmpOperation.Write ? SmpOperation.WriteResponse : SmpOperation.ReadResponse
        socket.write(encodeConsole(encodeSmp({ ...request, operation }, answerTo(request))))
      },
      text() {},
      badFrame() {},
    })
    socket.on('error', () => {}).on('data', data => decoder.push(data))
    t.teardown(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const uri = `tcp:127.0.0.1:${(server.address() as AddressInfo).port}?driver=smp`
  return {
    cli: (...args: string[]) => runHere(flashCommand(), ...args, '--device', uri),
    confirmed: () => images.map(({ confirmed }) => confirmed),
  }
}

t.test(
  'an upgrade of the second processor confirms its image, and not the one that the first one tries',
  { skip },
  async t => {
    const file = makeImage(t.testdir(), { version: '1.1.0' })
    const { cli, confirmed } = await openTwoProcessors(t, file)
    t.match(await cli('upgrade', file.path, '--image', '1'), { code: 0, out: /confirmed/ })
    t.same(confirmed(), [false, true])
  },
)

t.test('confirm keeps what runs on the processor that it is asked for', { skip }, async t => {
  const { cli, confirmed } = await openTwoProcessors(t, makeImage(t.testdir(), { version: '1.1.0' }))
  t.match(await cli('confirm', '--image', '1'), { code: 0 })
  t.same(confirmed(), [false, true])
  t.match(await cli('confirm'), { code: 0 })
  t.same(confirmed(), [true, true])
  t.match(await cli('confirm', '--image', '2'), { code: 2, err: /of images 2 there is not just one that runs/ })
})
