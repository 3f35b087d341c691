import { element } from './element.js'

/** A row of buttons of which one is chosen: a group of radio buttons to keyboard and screen reader. */
export function choice<Value extends string | number>(
  name: string,
  options: readonly (readonly [Value, string])[],
  current: Value,
  chosen: (value: Value) => void,
): HTMLElement {
  return element(
    'fieldset',
    { class: 'choice' },
    element('legend', {}, name),
    ...options.map(([value, text]) =>
      element(
        'label',
        {},
        element('input', {
          type: 'radio',
          name,
          checked: value === current,
          onchange: () => chosen(value),
        }),
        element('span', {}, text),
      ),
    ),
  )
}
