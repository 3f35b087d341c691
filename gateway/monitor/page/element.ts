type Attributes = Readonly<Record<string, string | number | boolean | undefined | ((event: never) => void)>>

/** An HTML element. Functions are listeners (`onclick`), `true` is a bare attribute, `false` and undefined are none. Text is never markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  furnish(made, attributes)
  made.append(...children)
  return made
}

/** The same for SVG. */
export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  furnish(made, attributes)
  made.append(...children)
  return made
}

function furnish(made: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === 'function') made.addEventListener(name.slice(2), value as EventListener)
    else if (value === true) made.setAttribute(name, '')
    else if (value !== undefined && value !== false) made.setAttribute(name, String(value))
}

/** Sets the text only where it differs, so that a screen reader is not told the same again. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text
}
