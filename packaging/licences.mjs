// Lists the licences of everything that is shipped, from the SBOM, and fails for one that nobody has agreed to.
//   npm sbom --sbom-format cyclonedx --omit dev | node packaging/licences.mjs
// A package that names no licence the SBOM knows of is looked up in node_modules, and otherwise is an error.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Permissive: to be named, and nothing else. A new one is added here by a person who has read it. */
const AGREED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'Unlicense',
  'CC0-1.0',
  'Public Domain',
])

const { components } = JSON.parse(readFileSync(0, 'utf8'))
const rows = components
  .map(({ name, group, version, licenses = [] }) => {
    const full = group ? `${group}/${name}` : name
    const stated = licenses.map(({ license, expression }) => expression ?? license.id ?? license.name)
    return { name: full, version, licence: stated.join(' AND ') || licenceOf(full) }
  })
  .sort((a, b) => (a.name < b.name ? -1 : 1))

process.stdout.write('# Licences of what is shipped\n\n| package | version | licence |\n|---|---|---|\n')
for (const { name, version, licence } of rows) process.stdout.write(`| ${name} | ${version} | ${licence} |\n`)

const refused = rows.filter(({ licence }) => !isAgreed(licence))
for (const { name, version, licence } of refused)
  process.stderr.write(`licences: ${name} ${version}: ${licence || 'none stated'}\n`)
process.exitCode = refused.length > 0 ? 1 : 0

function licenceOf(name) {
  const manifest = join('node_modules', name, 'package.json')
  return existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')).license ?? '') : ''
}

/** One of alternatives is enough; of several at once, each has to be. */
function isAgreed(expression) {
  const alternatives = expression.replaceAll(/[()]/g, '').split(' OR ')
  return alternatives.some(all => all.split(' AND ').every(id => AGREED.has(id.trim())))
}
