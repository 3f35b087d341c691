#!/usr/bin/env bash
# Everything that a release consists of, in build/release/: the npm package, Debian packages, SBOM, licences, checksums, and,
# with RELEASE_KEY, a signature.
#   RELEASE_KEY=release.pem packaging/release.sh      key: openssl genpkey -algorithm ed25519 -out release.pem
# Who gets it checks:  openssl pkeyutl -verify -rawin -pubin -inkey release.pub -in SHA256SUMS -sigfile SHA256SUMS.sig
#                      sha256sum --check SHA256SUMS
set -euo pipefail
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain)" ] || { echo "release: commit everything first; a release is a commit" >&2; exit 1; }
out=build/release
rm -rf $out && mkdir -p $out
# As old as the commit, so that the same commit gives the same archives.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) && export SOURCE_DATE_EPOCH

npm ci --ignore-scripts --no-audit --silent
npm run --silent build
npm sbom --sbom-format cyclonedx --omit dev >$out/ecgclip.cdx.json
node packaging/licences.mjs <$out/ecgclip.cdx.json >$out/LICENCES.md
npm pack --ignore-scripts --silent --pack-destination $out >/dev/null
for arch in ${ARCHITECTURES-arm64 amd64}; do
  packaging/make-deb.sh "$arch" >/dev/null
  mv build/ecgclip_*_"$arch".deb $out
done
(cd $out && sha256sum -- * >SHA256SUMS)
if [ -n "${RELEASE_KEY:-}" ]; then
  openssl pkeyutl -sign -rawin -inkey "$RELEASE_KEY" -in $out/SHA256SUMS -out $out/SHA256SUMS.sig
  openssl pkey -in "$RELEASE_KEY" -pubout -out $out/release.pub
else
  echo "release: not signed; set RELEASE_KEY" >&2
fi
cat $out/SHA256SUMS
