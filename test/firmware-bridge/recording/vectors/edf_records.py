"""Writes tiny synthetic EDF files by the letter of EDF+, and edf_records.json: what they mean, in exact arithmetic.

(The `wfdb` package reads EDF, too, but with whole baselines only, and so up to one count off.)
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

ANNOTATIONS = {"label": "EDF Annotations", "units": "", "low": -1, "high": 1, "digital": (-32768, 32767)}


def write(path: Path, signals: list[dict], records: int, seconds: str, flavour: str = "") -> None:
    """`signals`: label, units, low, high, digital (lowest, highest), counts (records × samples per record)."""

    def columns(width: int, values: list[object]) -> str:
        return "".join(f"{value!s:<{width}}" for value in values)

    n = len(signals)
    header = f"{0:<8}{'X X X X':<80}{'Startdate X X X X':<80}01.01.0100.00.00{256 * (n + 1):<8}{flavour:<44}"
    header += f"{records:<8}{seconds:<8}{n:<4}"
    header += (
        columns(16, [s["label"] for s in signals]) + columns(80, [""] * n) + columns(8, [s["units"] for s in signals])
    )
    header += columns(8, [s["low"] for s in signals]) + columns(8, [s["high"] for s in signals])
    header += columns(8, [s["digital"][0] for s in signals]) + columns(8, [s["digital"][1] for s in signals])
    header += columns(80, [""] * n) + columns(8, [s["counts"].shape[1] for s in signals]) + columns(32, [""] * n)
    frames = np.concatenate([s["counts"] for s in signals], axis=1).astype("<i2")
    path.write_bytes(header.encode("latin1") + frames.tobytes())


def main() -> None:
    folder = Path(__file__).parent
    rng = np.random.default_rng(3)

    def signal(label: str, units: str, low: object, high: object, digital: tuple[int, int], samples: int) -> dict:
        counts = rng.integers(digital[0], digital[1] + 1, size=(3, samples))
        counts[0, :2] = digital
        return {"label": label, "units": units, "low": low, "high": high, "digital": digital, "counts": counts}

    leads = [
        signal("ECG I", "uV", -3276.8, 3276.7, (-32768, 32767), 10),
        signal("II", "mV", -5, 5, (-2048, 2047), 10),
        signal("EKG V1", "uV", 1000, -1000, (0, 4095), 10),
    ]
    write(folder / "plain.edf", leads, 3, "0.04")
    slow = signal("Resp", "mV", -1, 1, (-128, 127), 2)
    pressure = signal("ABP", "mmHg", 0, 300, (0, 3000), 10)
    notes = {**ANNOTATIONS, "counts": np.full((3, 8), 0x142B)}
    write(folder / "plus.edf", [slow, leads[0], pressure, leads[1], notes], 3, "1", "EDF+C")

    def millivolts(s: dict) -> list[float]:
        low, high = Fraction(str(s["low"])), Fraction(str(s["high"]))
        lowest, highest = s["digital"]
        unit = {"uV": Fraction(1, 1000), "mV": Fraction(1)}[s["units"]]
        return [
            float(unit * (low + (int(c) - lowest) * (high - low) / (highest - lowest))) for c in s["counts"].ravel()
        ]

    expected = {"counts": [s["counts"].ravel().tolist() for s in leads], "millivolts": [millivolts(s) for s in leads]}
    (folder / "edf_records.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
