import { writeFileSync } from 'node:fs'
import { referencePage } from './reference-page.js'

/** Writes docs/configuration.md: `make reference`, in the repository's root. */
writeFileSync('docs/configuration.md', referencePage())
