// Deletes the prebuilt parts of other platforms: `node packaging/prune-platforms.mjs node_modules linux arm64`.
// Packages carry them in prebuilds/<os>-<arch>/ (prebuildify) and, onnxruntime-node, in bin/napi-v6/<os>/<arch>/.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const [root, os, arch] = process.argv.slice(2)
if (arch === undefined) {
  process.stderr.write('usage: prune-platforms.mjs NODE_MODULES OS ARCH\n')
  process.exit(2)
}

const folders = readdirSync(root, { withFileTypes: true, recursive: true }).filter(entry => entry.isDirectory())
for (const { parentPath, name } of folders) {
  const path = join(parentPath, name)
  if (parentPath.endsWith('/prebuilds') && name !== `${os}-${arch}`) remove(path)
  else if (/\/onnxruntime-node\/bin\/napi-v\d+$/.test(parentPath) && name !== os) remove(path)
  else if (/\/onnxruntime-node\/bin\/napi-v\d+\/[a-z0-9]+$/.test(parentPath) && name !== arch) remove(path)
  else if (/^musl_/.test(name) && parentPath.includes('/@koromix/')) remove(path)
}

function remove(path) {
  rmSync(path, { recursive: true, force: true })
}
