import { readFileSync, writeFileSync } from 'node:fs'
import { mqttReferencePage } from './reference-page.js'

/** Writes docs/mqtt-reference.md: `make reference`, in the repository's root. */
writeFileSync('docs/mqtt-reference.md', mqttReferencePage(readFileSync('gateway/mqtt/schemas/asyncapi.yaml', 'utf8')))
