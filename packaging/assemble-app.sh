#!/usr/bin/env bash
# Puts what runs on a board into one folder: the compiled program, its models, and the production dependencies with their
# prebuilt parts for that board. Needs no emulation and no compiler.
#   packaging/assemble-app.sh arm64|x64 FOLDER          in a checkout that is built (npm ci && npm run build)
set -euo pipefail
arch=${1:?"arm64 or x64"} to=${2:?"a folder that does not exist yet"}
cd "$(dirname "$0")/.."
test -f dist/gateway/cli/main.js || { echo "assemble-app: nothing is built; run npm ci && npm run build first" >&2; exit 1; }
test ! -e "$to" || { echo "assemble-app: $to exists already" >&2; exit 1; }

# What npm would publish is what a board gets: "files" in package.json is the one list.
mkdir -p "$to" && to=$(cd "$to" && pwd)
npm pack --ignore-scripts --silent --pack-destination "$to" >/dev/null
tar -xzf "$to"/*.tgz -C "$to" --strip-components=1 && rm "$to"/*.tgz
rm -rf "$to/dist/bench/peers" && find "$to/dist" -name '*.map' -delete
cp package-lock.json .npmrc "$to"
# The lists also describe what is only needed to build and to test.
(cd "$to" && npm ci --ignore-scripts --omit=dev --os=linux --cpu="$arch" --libc=glibc --no-audit --silent)
node packaging/prune-platforms.mjs "$to/node_modules" linux "$arch"
rm "$to/.npmrc"
