#!/usr/bin/env bash
# Runs the gateway of an unpacked arm64 image on this machine, under qemu-aarch64 where this is no Arm: as the image's user,
# without capabilities, with a read-only root, and with no network but its own loopback.
#   packaging/image/self-test.sh ROOT
# First the goldens and the demo record through the shipped bundle, then a start until it is ready.
set -euo pipefail
root=${1:?"the root of the unpacked image"}
state=$(mktemp -d) # inside it belongs to user 990, who is outside whoever runs this
trap 'rm -rf "$state"' EXIT
emulator=
[ "$(uname -m)" = aarch64 ] || emulator=$(command -v qemu-aarch64-static)

# The emulator is named as a program of its own, so that this also works without a binfmt handler.
# ECGCLIP_SLOWNESS: it is some 50 times slower than a board.
# An empty /sys, for ONNX Runtime's detection of an Arm CPU crashes on the caches of an x86 one.
inside() {
  bwrap --unshare-user --uid 990 --gid 990 --unshare-pid --unshare-ipc --unshare-net --cap-drop ALL --die-with-parent \
    --ro-bind "$root" / --proc /proc --dev /dev --tmpfs /sys --tmpfs /tmp --tmpfs /run --bind "$state" /var/lib/ecgclip \
    ${emulator:+--ro-bind "$emulator" /run/qemu} --chdir /opt/ecgclip --clearenv \
    --setenv STATE_DIRECTORY /var/lib/ecgclip --setenv NODE_ENV production ${emulator:+--setenv ECGCLIP_SLOWNESS 50} \
    ${emulator:+/run/qemu} /usr/local/bin/node "$@"
}

inside -p '`node ${process.version} on ${process.arch}`'
inside dist/gateway/cli/main.js assess models/demo/demo --json >"$state/windows.jsonl"
printf 'self-test: %s windows of the demo record assessed; AFIB in the last: %s\n' \
  "$(wc -l <"$state/windows.jsonl")" "$(tail -1 "$state/windows.jsonl" | grep -o '"AFIB":[0-9.]*' | cut -d: -f2)"

began=$(date +%s%N)
inside dist/gateway/cli/main.js run --id self-test --device 'replay:models/demo/demo' --data /var/lib/ecgclip 2>"$state/log" &
gateway=$!
until grep -qs 'gateway started' "$state/log"; do
  kill -0 $gateway 2>/dev/null || { echo "self-test: the gateway did not start" >&2; cat "$state/log" >&2; exit 1; }
  sleep 0.05
done
echo "self-test: ready after $((($(date +%s%N) - began) / 1000000)) ms${emulator:+ under emulation}"
until grep -qs 'streaming' "$state/log"; do sleep 0.1; done
kill $gateway
wait $gateway 2>/dev/null || true
