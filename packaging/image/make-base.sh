#!/usr/bin/env bash
# Makes a base image with Node 20 from Debian's packages, for machines that reach no image registry.
#   packaging/image/make-base.sh arm64|amd64 IMAGE
# The Debian tree is kept in build/image/. Needs root, buildah, mmdebstrap and npm; another architecture's packages configure
# themselves under qemu-user (its binfmt handler must be registered, see arm64-emulation.sh), which takes some minutes.
set -euo pipefail
arch=${1:?"arm64 or amd64"} image=${2:?"name of the image"}
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

base=$(buildah from --arch "$arch" scratch)
trap 'buildah rm "$base" >/dev/null' EXIT
root=$(buildah mount "$base")
tar -xf "$tree" -C "$root" --exclude='./dev/*'
rm -rf "$root"/usr/share/{doc,man,locale}/* "$root"/var/{cache,log}/* "$root"/var/lib/apt/lists/*
mkdir -p "$root/usr/local/bin"
tar -xzf "build/image/$node-$NODE_VERSION.tgz" -C "$root/usr/local" --strip-components=1 package/bin/node package/LICENSE
if [ "$arch" = amd64 ]; then
  # Only a stage that builds needs npm; the one of this machine is as good as any.
  cp -r "$(npm root -g)/npm" "$root/usr/local/npm"
  printf '#!/bin/sh\nexec node /usr/local/npm/bin/npm-cli.js "$@"\n' >"$root/usr/local/bin/npm" && chmod 755 "$root/usr/local/bin/npm"
fi
buildah umount "$base" >/dev/null
buildah config --arch "$arch" --os linux --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$base"
buildah commit --quiet "$base" "$image" >/dev/null
