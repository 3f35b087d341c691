import { CONFIG_VERSION } from './config.js'
import { type ConfigKey, configKeys } from './config-keys.js'

/** docs/configuration.md, from the schema. */
export function referencePage(): string {
  const keys = configKeys()
  return `# Configuration

<!-- Written by \`make reference\` from gateway/config/config.ts: change it there. -->

One YAML file, named to the gateway with \`-c\`. Every key may be left out; flags of \`ecgclip run\` win over the file; an unknown
key is refused, so that a typing error cannot switch a setting off unseen.

\`\`\`sh
npx ecgclip config init gateway.yaml
npx ecgclip config check gateway.yaml
npx ecgclip run -c gateway.yaml
\`\`\`

\`config check\` names every mistake at once. \`ecgclip config schema\` prints the JSON Schema, for editors: put
\`# yaml-language-server: $schema=./config.schema.json\` into the first line of the file.

## Without a restart

Send the gateway SIGHUP (\`systemctl reload ecgclip\`) after a change of the file. It reads the file again, applies the keys marked
**live**, and says in its log which other changes wait for a restart. A file with mistakes changes nothing: the gateway goes on
as it was and logs what is wrong. Secrets are named by file, never written here; the files are read again at every connection, so
a renewed certificate or password needs no reload.

## Format version

\`version: ${CONFIG_VERSION}\` is what this program reads. An older file is understood as it is; \`ecgclip config migrate gateway.yaml\` brings it up
to date, keeps your comments, and leaves the old one as \`gateway.yaml.bak\`. A file of a newer program is refused.

## Keys

| key | default | live | what it is |
|---|---|---|---|
${keys.map(row).join('\n')}
`
}

function row({ path, type, default: fallback, description, live }: ConfigKey): string {
  const value = fallback === null ? '–' : /^["[{\d-]|^(true|false|null)$/.test(fallback) ? `\`${fallback}\`` : fallback
  const cells = [`\`${path}\``, value, live ? '**live**' : '', `${description} *(${type})*`]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
