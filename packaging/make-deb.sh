#!/usr/bin/env bash
# Makes a Debian package for a bare Raspberry Pi or any other Debian: build/ecgclip_VERSION_ARCH.deb
#   packaging/make-deb.sh arm64|amd64                   in a checkout that is built (npm ci && npm run build)
set -euo pipefail
arch=${1:?"arm64 or amd64"}
cd "$(dirname "$0")/.."
version=$(node -p 'require("./package.json").version')
tree=build/deb-$arch
rm -rf "$tree" && mkdir -p "$tree"/{DEBIAN,opt,usr/bin,usr/lib/systemd/system,usr/lib/udev/rules.d,usr/lib/sysusers.d,usr/share/doc/ecgclip,etc/ecgclip}

packaging/assemble-app.sh "${arch/amd64/x64}" "$tree/opt/ecgclip"
ln -s /opt/ecgclip/dist/gateway/cli/main.js "$tree/usr/bin/ecgclip" && chmod 755 "$tree/opt/ecgclip/dist/gateway/cli/main.js"
cp packaging/systemd/ecgclip.service "$tree/usr/lib/systemd/system/"
cp packaging/udev/70-ecgclip.rules "$tree/usr/lib/udev/rules.d/"
cp packaging/systemd/sysusers.conf "$tree/usr/lib/sysusers.d/ecgclip.conf"
cp -r docs/*.md packaging/systemd/ble.conf SECURITY.md "$tree/usr/share/doc/ecgclip/"
cp LICENSE "$tree/usr/share/doc/ecgclip/copyright"
# The folder of the service, by name, so that doctor, backup and the others look there, whoever calls them.
node dist/gateway/cli/main.js config init | sed 's|^#data:.*|data: /var/lib/ecgclip|' >"$tree/etc/ecgclip/gateway.yaml"
grep -q '^data: /var/lib/ecgclip$' "$tree/etc/ecgclip/gateway.yaml"
for script in postinst prerm postrm; do install -m 755 "packaging/debian/$script" "$tree/DEBIAN/$script"; done
echo /etc/ecgclip/gateway.yaml >"$tree/DEBIAN/conffiles"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: ecgclip
Version: $version
Architecture: $arch
Maintainer: $(node -p 'require("./package.json").author ?? "ecgclip maintainers <security@ecgclip.invalid>"')
Installed-Size: $(du -sk "$tree" | cut -f1)
Depends: nodejs (>= 20), libc6 (>= 2.28), libstdc++6, systemd
Section: science
Priority: optional
Description: ECG edge gateway (not a medical device)
 Takes ECG from front ends over a cable or Bluetooth, runs an int8 ECGCLIP model on the board, and publishes what it finds
 over MQTT.
CONTROL
dpkg-deb --root-owner-group --build "$tree" "build/ecgclip_${version}_$arch.deb"
rm -rf "$tree"
