import type { EvidenceAnswer, MonitoredAlert } from '../live/live-messages.js'
import { classesOf, kindOf, stateWords } from './alarm-words.js'
import { choice } from './choice.js'
import { element } from './element.js'
import { drawEvidence } from './evidence-drawing.js'
import { saliencyWords } from './saliency-words.js'
import { dateAndTime, uncertainty } from './times.js'
import type { View } from './view.js'
import type { ViewParts } from './wall-view.js'

/** The ten seconds behind one alert, to be read, printed and kept. */
export function createAlertView(
  id: string,
  { state, settings, acknowledge }: ViewParts & { acknowledge(alert: MonitoredAlert): void },
): View {
  const root = element('article', { class: 'alert-view' }, element('p', { class: 'empty' }, 'Fetching the window …'))
  let evidence: EvidenceAnswer | null = null
  let shown = ''

  void fetch(`/api/evidence/${id}`)
    .then(async answer => {
      if (!answer.ok) throw new Error(await answer.text())
      evidence = await answer.json()
      update()
    })
    .catch((error: Error) => {
      root.replaceChildren(
        element('p', { class: 'empty' }, error.message),
        element('p', { class: 'empty' }, element('a', { href: '#/wall' }, 'Back to the wall')),
      )
    })

  function update(): void {
    if (!evidence) return
    const alert = state.alerts.get(id) ?? evidence.alert
    const next = JSON.stringify([alert, settings.current.layout])
    if (next === shown) return
    shown = next
    root.replaceChildren(...page(alert, evidence))
  }

  function page(alert: MonitoredAlert, evidence: EvidenceAnswer): Node[] {
    const { window } = evidence
    const { condition, acknowledged } = alert
    const { evidence: proof } = evidence.alert
    const finding = 'probability' in proof ? proof : null
    const end = window.start + (1000 * window.samples) / window.rate
    const missing = window.missing > 0 ? `${window.missing} of ${window.samples} samples` : 'none'
    const back = `#/patient/${encodeURIComponent(alert.device)}`
    const facts: [string, string][] = [
      ['Device', alert.device],
      ['Gateway', state.welcome?.gateway ?? '–'],
      [
        'Recorded',
        `${dateAndTime(window.start)} – ${dateAndTime(end).slice(11)} (${uncertainty(window.uncertaintyMs)})`,
      ],
      ['Alert', `${kindOf(alert)}, ${stateWords[alert.state]}, raised ${dateAndTime(alert.raised)}`],
      ...(finding
        ? ([
            ['Probability', `${finding.probability.toFixed(3)} (threshold ${finding.threshold.toFixed(3)})`],
            [
              'Model',
              `${finding.model.bundle} ${finding.model.version}, ${finding.model.precision} on ${finding.model.provider}`,
            ],
          ] as [string, string][])
        : []),
      [
        'Signal',
        `${window.rate} Hz, ${window.quality}${window.reasons.length > 0 ? `: ${window.reasons.join(' ')}` : ''}`,
      ],
      ['Missing', missing],
      ['Acknowledged', acknowledged ? `${acknowledged.by ?? 'somebody'}, ${dateAndTime(acknowledged.at)}` : 'no'],
    ]
    return [
      element(
        'header',
        { class: `alert-head ${classesOf(alert)}` },
        element('h1', {}, condition.display),
        element('span', { class: 'kind' }, kindOf(alert)),
        element(
          'span',
          { class: 'actions' },
          choice(
            'Layout',
            [
              ['3x4', '3 × 4'],
              ['12x1', '12 × 1'],
            ],
            settings.current.layout,
            layout => settings.change({ layout }),
          ),
          ...(acknowledged || alert.state === 'inactive'
            ? []
            : [element('button', { type: 'button', onclick: () => acknowledge(alert) }, 'Acknowledge')]),
          element('button', { type: 'button', onclick: () => print() }, 'Print or PDF'),
          element('a', { class: 'button', href: back }, 'Live'),
        ),
      ),
      element('div', { class: 'evidence-frame' }, drawEvidence(evidence, settings.current.layout)),
      element(
        'p',
        { class: 'legend' },
        element('span', { class: 'swatch', 'aria-hidden': 'true' }),
        `Shaded: what raised the probability. ${saliencyWords(finding?.saliency ?? [])} 25 mm/s, 10 mm/mV, unfiltered.`,
      ),
      element(
        'dl',
        { class: 'facts wide' },
        ...facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
      ),
      element(
        'p',
        { class: 'print-only' },
        'Not a medical device. Advisory output of a statistical model; not validated for clinical use.',
      ),
    ]
  }

  const leave = (event: KeyboardEvent) => {
    if (event.key === 'Escape') history.back()
  }
  addEventListener('keydown', leave)

  return {
    element: root,
    title: 'Alert',
    rate: 0,
    watches: null,
    update,
    draw() {},
    repaint: update,
    close: () => removeEventListener('keydown', leave),
  }
}
