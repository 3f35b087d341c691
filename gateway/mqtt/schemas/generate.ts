import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonSchemas, schemaFileName, schemaFileText } from '../json-schemas.js'

/** Writes the JSON Schemas into the source folder: `node dist/gateway/mqtt/schemas/generate.js`, in the repository's root. */
for (const [name, schema] of Object.entries(jsonSchemas()))
  writeFileSync(join('gateway/mqtt/schemas', schemaFileName(name)), schemaFileText(schema))
