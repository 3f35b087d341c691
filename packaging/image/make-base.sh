#!/usr/bin/env bash
# Makes localhost/debian:ARCH and, from it, localhost/node20:ARCH of Debian's packages and npm's build of Node, for machines that
# reach no image registry.
#   packaging/image/make-base.sh arm64|amd64
# The Debian tree is kept in build/image/. Needs root, buildah, mmdebstrap and npm; another architecture's packages configure
# themselves under qemu-user (its binfmt handler must be registered, see arm64-emulation.sh), which takes some minutes.
set -euo pipefail
arch=${1:?"arm64 or amd64"}
NODE_VERSION=20.20.2
cd "$(dirname "$0")/../.." && mkdir -p build/image
tree=build/image/debian-$arch.tar node=node-linux-${arch/amd64/x64}

if [ ! -f "$tree" ]; then
  mmdebstrap --architectures="$arch" --variant=minbase --include=libstdc++6,libatomic1,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "${tree%.tar}.part.tar"
  mv "${tree%.tar}.part.tar" "$tree"
fi
if [ ! -f "build/image/$node-$NODE_VERSION.tgz" ]; then
  npm pack --silent --pack-destination build/image "$node@$NODE_VERSION" >/dev/null
fi

# from BASE IMAGE FUNCTION: the base with what the function does to its root.
from() {
  local container root
  container=$(buildah from --pull-never --arch "$arch" "$1")
  root=$(buildah mount "$container")
  "$3" "$root"
  buildah config --arch "$arch" --os linux --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit --quiet "$container" "$2" >/dev/null
  buildah rm "$container" >/dev/null
}

debian() {
  tar -xf "$tree" -C "$1" --exclude='./dev/*'
  rm -rf "$1"/usr/share/{doc,man,locale}/* "$1"/var/{cache,log}/* "$1"/var/lib/apt/lists/*
}

node20() {
  tar -xzf "build/image/$node-$NODE_VERSION.tgz" -C "$1/usr/local" --strip-components=1 package/bin/node package/LICENSE
  # Only a stage that builds needs npm; the one of this machine is as good as any.
  [ "$arch" = amd64 ] || return 0
  cp -r "$(npm root -g)/npm" "$1/usr/local/npm"
  printf '#!/bin/sh\nexec node /usr/local/npm/bin/npm-cli.js "$@"\n' >"$1/usr/local/bin/npm"
  chmod 755 "$1/usr/local/bin/npm"
}

from scratch "localhost/debian:$arch" debian
from "localhost/debian:$arch" "localhost/node20:$arch" node20
