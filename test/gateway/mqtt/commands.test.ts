import t from 'tap'
import { z } from 'zod'
import { EcgclipError } from '../../../ecg/ecgclip-error.js'
import { command } from '../../../gateway/mqtt/command.js'
import { TransactionSchema } from '../../../gateway/mqtt/command-messages.js'
import { BROKERS, cable } from './brokers.js'
import { messagingFor, recordedLog } from './messaging-rig.js'
import { type Subscriber, subscribe } from './subscriber.js'

const transaction = TransactionSchema.optional()

const lift = command('lift', z.strictObject({ transaction, kilograms: z.number() }), ({ kilograms }, progress) => {
  if (kilograms > 100) throw new EcgclipError('TOO_HEAVY', 'Nobody can lift this; take less.')
  if (kilograms < 0) throw new TypeError('below nothing')
  progress({ lifted: kilograms / 2 })
  return { lifted: kilograms }
})

const repliesTo = (subscriber: Subscriber, verb: string) =>
  subscriber.received.flatMap(({ topic, message }) => (topic === `ecg/gw-1/reply/${verb}` ? [message] : []))

for (const broker of BROKERS)
  t.test(broker.name, { skip: broker.skip }, async t => {
    t.test('a command for health is answered with its transaction, and rubbish with an error', async t => {
      const { url } = await broker.start(t)
      await messagingFor(t, url)
      const subscriber = await subscribe(t, url)
      await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
      const commands = ['{"transaction":"t-1"}', '', '{"transaction":', '[]', `{"transaction":"${'x'.repeat(5000)}"}`]
      for (const text of commands) void subscriber.publish('ecg/gw-1/cmd/health', text)
      await subscriber.until('the replies', () => repliesTo(subscriber, 'health').length === commands.length)
      t.match(repliesTo(subscriber, 'health'), [
        { status: 'ok', transaction: 't-1', data: { schema: 'urn:ecgclip:health:1', session: 1 } },
        { status: 'ok', data: { session: 1 } },
        { status: 'error', code: 'COMMAND_NOT_JSON', error: String },
        { status: 'error', code: 'COMMAND_INVALID', error: String },
        { status: 'error', code: 'COMMAND_TOO_LONG', error: String },
      ])
    })

    t.test(
      'a command that was added is checked against its schema, tells its progress, and says why it failed',
      async t => {
        const { url } = await broker.start(t)
        const messaging = await messagingFor(t, url)
        const subscriber = await subscribe(t, url)
        await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
        messaging.answer([lift])
        const said = async (input: object, replies: number) => {
          const before = repliesTo(subscriber, 'lift').length
          void subscriber.publish('ecg/gw-1/cmd/lift', JSON.stringify(input))
          await subscriber.until('the reply', () => repliesTo(subscriber, 'lift').length === before + replies)
          return repliesTo(subscriber, 'lift').slice(before)
        }
        t.strictSame(await said({ transaction: 7, kilograms: 10 }, 2), [
          { status: 'progress', transaction: 7, data: { lifted: 5 } },
          { status: 'ok', transaction: 7, data: { lifted: 10 } },
        ])
        t.match(await said({ transaction: 8, pounds: 10 }, 1), [
          { status: 'error', transaction: 8, code: 'COMMAND_INVALID', error: /kilograms.*pounds/s },
        ])
        t.strictSame(await said({ transaction: 9, kilograms: 101 }, 1), [
          { status: 'error', transaction: 9, code: 'TOO_HEAVY', error: 'Nobody can lift this; take less.' },
        ])
        t.strictSame(await said({ kilograms: -1 }, 1), [
          { status: 'error', code: 'COMMAND_FAILED', error: 'below nothing' },
        ])
      },
    )

    t.test('commands are still taken after the connection was lost, and a retained one is not', async t => {
      const at = await broker.start(t)
      const line = await cable(t, at)
      const subscriber = await subscribe(t, at.url)
      const log = recordedLog()
      const messaging = await messagingFor(t, line.url, { log })
      messaging.answer([lift])
      await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
      line.cut()
      await subscriber.until('the will', () => subscriber.last('gw-1/state')?.state === 'offline')
      await subscriber.publish('ecg/gw-1/cmd/lift', '{"transaction":"kept","kilograms":1}', true)
      line.mend()
      await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
      while (!log.lines.some(line => /a retained command is not carried out/.test(line)))
        await new Promise(resolve => setTimeout(resolve, 5))
      void subscriber.publish('ecg/gw-1/cmd/lift', '{"transaction":"now","kilograms":1}')
      await subscriber.until('the reply', () => repliesTo(subscriber, 'lift').length === 2)
      t.strictSame(
        repliesTo(subscriber, 'lift').map(reply => reply?.transaction),
        ['now', 'now'],
      )
    })
  })
