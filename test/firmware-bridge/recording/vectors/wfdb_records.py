"""Writes tiny synthetic WFDB records with the `wfdb` package, and wfdb_records.json: what it reads back from them."""

import json
import os
from pathlib import Path

import numpy as np
import wfdb

RANGES = {"16": 15, "24": 23, "80": 7, "212": 11}


def counts(fmt: str, samples: int, signals: int, rng: np.random.Generator) -> np.ndarray:
    """Random counts over a format's whole range, both ends and the "missing" value included."""
    top = 2 ** RANGES[fmt]
    x = rng.integers(-top, top, size=(samples, signals))
    x[:3, 0] = [-top, -top + 1, top - 1]
    return x


def write(name: str, fmts: list[str], samples: int, rng: np.random.Generator, **options: object) -> None:
    n = len(fmts)
    x = np.concatenate([counts(fmt, samples, 1, rng) for fmt in fmts], axis=1)
    header = {
        "fs": 360,
        "units": ["mV"] * n,
        "sig_name": ["MLII", "V5", "aVR", "V1"][:n],
        "adc_gain": [200, 1000.5, 409.6, 1][:n],
        "baseline": [0, 12, -7, 1024][:n],
        **options,
    }
    wfdb.wrsamp(name, d_signal=x, fmt=fmts, **header)


def main() -> None:
    os.chdir(Path(__file__).parent)
    rng = np.random.default_rng(2)
    for fmt in RANGES:
        write(f"f{fmt}", [fmt] * 3, 41, rng)
    write("one212", ["212"], 7, rng)
    write("units", ["16", "16", "16"], 9, rng, units=["uV", "V", "mmHg"], comments=["age: 60", "", "# twice"])

    # Two files of different formats, one with a preamble, as some real records have.
    write("two_a", ["16", "16"], 20, rng)
    write("two_b", ["212", "212"], 20, rng)
    Path("two_b.dat").write_bytes(b"preamble" + Path("two_b.dat").read_bytes())
    lines_a = Path("two_a.hea").read_text().splitlines()[1:]
    lines_b = [
        line.replace(" 212 ", " 212+8 ").replace("V5", "II") for line in Path("two_b.hea").read_text().splitlines()[1:]
    ]
    Path("two.hea").write_text(
        "\r\n".join(["# two files", "two 4 360/1000(12.5) 20 10:20:30 01/02/2003", *lines_a, *lines_b])
    )
    for name in ("two_a.hea", "two_b.hea"):
        os.remove(name)

    # Several samples per frame: a slow channel beside fast ones.
    fast = rng.integers(-100, 100, size=(2, 24))
    slow = rng.integers(-100, 100, size=12)
    wfdb.wrsamp(
        "frames",
        fs=100,
        units=["mV"] * 3,
        sig_name=["I", "slow", "II"],
        e_d_signal=[fast[0], slow, fast[1]],
        fmt=["16"] * 3,
        adc_gain=[100] * 3,
        baseline=[0] * 3,
        samps_per_frame=[2, 1, 2],
    )

    expected = {}
    for path in sorted(Path(".").glob("*.hea")):
        record = wfdb.rdrecord(path.stem, physical=False, smooth_frames=False)
        expected[path.stem] = {
            "rate": record.fs,
            "samplesPerFrame": record.samps_per_frame,
            "names": record.sig_name,
            "units": record.units,
            "gain": record.adc_gain,
            "baseline": record.baseline,
            "counts": [signal.tolist() for signal in record.e_d_signal],
        }
    Path("wfdb_records.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
