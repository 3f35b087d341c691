import { Command } from 'commander'
import { assessRecords, openOfflineModel } from '../offline-assessment.js'
import { type ModelFlags, modelOptions, seconds } from './options.js'

/** `ecgclip assess`: what the model says of records on disk, window by window, exactly as the gateway would say it. */
export function assessCommand(): Command {
  return modelOptions(new Command('assess'))
    .description('each 10-s window’s probabilities, as JSON lines')
    .argument('<record...>', 'WFDB or EDF records, or folders of them')
    .option('--hop <seconds>', 'a new window starts this often', seconds(0.5, 10), 5)
    .option('--json', 'one JSON object a line, also on a terminal')
    .action(async (records: string[], flags: ModelFlags & { hop: number; json?: boolean }) => {
      const model = await openOfflineModel(flags)
      try {
        for await (const assessed of assessRecords(model, records, flags.hop)) {
          const line = flags.json || !process.stdout.isTTY ? JSON.stringify(assessed) : summary(assessed)
          // Waits while a slow reader catches up, so that a folder of any size needs no more memory than one record.
          if (!process.stdout.write(`${line}\n`)) await new Promise(resolve => process.stdout.once('drain', resolve))
        }
      } finally {
        await model.close()
      }
    })
}

/** For people: where, how good, and the five most probable tasks. */
function summary({
  record,
  start_s,
  quality,
  tasks,
}: {
  record: string
  start_s: number
  quality: string
  tasks: Record<string, number>
}): string {
  const top = Object.entries(tasks)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([task, probability]) => `${task} ${(100 * probability).toFixed(0)} %`)
  return `${record}  ${start_s.toFixed(1).padStart(7)} s  ${quality.padEnd(15)} ${top.join(', ')}`
}
