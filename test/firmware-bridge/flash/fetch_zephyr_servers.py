"""Fetches Zephyr's SMP servers, prebuilt, out of the source distribution of smpclient: the other side of our client's tests."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "7.3.0"
FOLDER = Path(__file__).parents[3] / "build" / "zephyr-servers"
# Each with MCUboot: the nRF51's exchanges slots in real (emulated) flash, the MPS2's has room in memory only.
WANTED = (
    "zephyr_4.4.0_smp_server_0eae053d_qemu_cortex_m0_serial.merged.hex",
    "zephyr_4.4.0_smp_server_0eae053d_qemu_cortex_m0_serial.signed.bin",
    "zephyr_4.4.0_smp_server_0eae053d_mps2_an385_serial_recovery_buf1024.hex",
    "zephyr_4.4.0_smp_server_0eae053d_mps2_an385_serial_recovery_buf1024.signed.bin",
    "zephyr_4.4.0_smp_server_0eae053d_mps2_an385_serial_recovery_buf512.signed.bin",
    "SHA256SUMS",
)


def main() -> int:
    if all((FOLDER / name).exists() for name in WANTED):
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--no-binary", "smpclient", "--dest", folder]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, f"smpclient=={VERSION}"], check=True)
        with tarfile.open(next(Path(folder).glob("smpclient-*.tar.gz"))) as archive:
            for name in WANTED:
                member = archive.extractfile(f"smpclient-{VERSION}/tests/fixtures/smp-server/{name}")
                assert member is not None, name
                (FOLDER / name).write_bytes(member.read())
    sums = dict(line.split()[::-1] for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    for name in WANTED[:-1]:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == sums[name], name
    return 0


if __name__ == "__main__":
    sys.exit(main())
