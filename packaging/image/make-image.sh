#!/usr/bin/env bash
# `make image`: builds Dockerfile.arm64 without a Docker daemon (buildah, chroot isolation) and runs the gateway's self-test in
# the image under qemu-aarch64, as the image's user, with a read-only root. Prints size and start-up time. Needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}
image=localhost/ecgclip:arm64
for program in buildah mmdebstrap bwrap qemu-aarch64-static; do
  command -v $program >/dev/null || missing="${missing:-} $program"
done
[ -z "${missing:-}" ] || { echo "make image needs:$missing (apt-get install buildah mmdebstrap arch-test bubblewrap qemu-user-static)" >&2; exit 1; }
packaging/image/arm64-emulation.sh

# BASE=… and NODE=… name images of a registry; without them, they are made of Debian's packages.
if [ -z "${BASE:-}${NODE:-}" ]; then
  BASE=localhost/debian:arm64 NODE=localhost/node20:arm64 BUILD_NODE=localhost/node20:amd64
  for arch in amd64 arm64; do
    buildah inspect --type image localhost/node20:$arch >/dev/null 2>&1 || packaging/image/make-base.sh $arch
  done
fi
bases=()
for argument in BASE NODE BUILD_NODE; do
  [ -z "${!argument:-}" ] || bases+=(--build-arg "$argument=${!argument}")
done

# The build trusts what this machine trusts, also where a proxy has an authority of its own.
authorities=/etc/ssl/certs/ca-certificates.crt
mkdir -p build/image && printf 'cafile=%s\n' $authorities >build/image/npmrc && mkdir -p "$(npm config get cache)"
# ASSEMBLED=DIR: what packaging/assemble-app.sh made there as DIR/app, and an empty DIR/state, instead of the stage "build".
cache=$(npm config get cache)
buildah build --file Dockerfile.arm64 --format docker --tag $image "${bases[@]}" ${ASSEMBLED:+--build-context build="$ASSEMBLED"} \
  --volume $authorities:$authorities:ro --volume "$PWD/build/image/npmrc:/root/.npmrc:ro" --volume "$cache:/root/.npm" \
  . >build/image/build.log 2>&1 || { tail -20 build/image/build.log >&2; exit 1; }

container=$(buildah from --pull-never --arch arm64 $image)
trap 'buildah rm "$container" >/dev/null' EXIT
root=$(buildah mount "$container")
packaging/image/self-test.sh "$root"
printf 'image %s: %s MiB, of which the program %s MiB\n' $image "$(du -sm "$root" | cut -f1)" "$(du -sm "$root/opt/ecgclip" | cut -f1)"
