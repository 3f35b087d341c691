import { CONFIG_VERSION } from './config.js'
import { type ConfigKey, configKeys } from './config-keys.js'

/** A configuration file to begin with: every key with what it means and its default, commented out. */
export function startingFile(): string {
  const lines = [
    '# Configuration of an ecgclip gateway. Every key may be left out; what is commented out shows its default.',
    '# Check it with `ecgclip config check FILE`. "live" keys are applied by a reload, the others need a restart.',
    `version: ${CONFIG_VERSION}`,
  ]
  const keys = configKeys().filter(({ path }) => path !== 'version' && !/\[\]|<name>/.test(path))
  const opened = new Set<string>()
  for (const key of keys) {
    const levels = key.path.split('.')
    if (levels.length === 1 || !opened.has(levels[0]!)) lines.push('')
    for (let depth = 1; depth < levels.length; depth++) {
      const section = levels.slice(0, depth).join('.')
      if (!opened.has(section)) lines.push(`#${'  '.repeat(depth - 1)}${levels[depth - 1]}:${remark(section, keys)}`)
      opened.add(section)
    }
    const indent = '  '.repeat(levels.length - 1)
    lines.push(`#${indent && `${indent}#`} ${key.description}${key.live ? ' (live)' : ''}`)
    lines.push(`#${indent}${levels.at(-1)}: ${example(key)}`)
  }
  return `${lines.join('\n')}\n`
}

/** What stands behind the colon. */
function example({ path, default: fallback, type }: ConfigKey): string {
  if (path === 'devices') return '[{ uri: "serial:/dev/ttyACM0" }]'
  if (fallback === null) return `# ${type}`
  return /^["[{\d-]|^(true|false|null)$/.test(fallback) ? fallback : `# ${fallback}`
}

/** A section without a default may only stand with its keys. */
function remark(section: string, keys: readonly ConfigKey[]): string {
  const inside = keys.filter(({ path }) => path.startsWith(`${section}.`))
  return inside.every(key => key.default === null) ? ' # optional' : ''
}
