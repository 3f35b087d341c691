"""Writes resampling.json: what SciPy makes of short signals with the taps that bundles carry."""

import json
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import firwin, resample_poly


def taps_for(up: int, down: int) -> np.ndarray:
    longest = max(up, down)
    return firwin(2 * 10 * longest + 1, 1 / longest, window=("kaiser", 5.0)) * up


def signals(samples: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    impulse = np.zeros(samples)
    impulse[samples // 3] = 1
    edges = np.zeros(samples)
    edges[[0, -1]] = [1, -2]
    return {
        "impulse": impulse,
        "step": (np.arange(samples) >= samples // 2) * 1.0,
        "edges": edges,
        "random": rng.normal(size=samples),
        "shorter than the filter": rng.normal(size=samples)[: samples // 20],
    }


def main() -> None:
    rng = np.random.default_rng(1)
    cases = []
    for rate in (500, 250, 360, 128):
        up, down = 100 // gcd(100, rate), rate // gcd(100, rate)
        taps = taps_for(up, down)
        for name, signal in signals(rate, rng).items():
            x = signal.astype(np.float32)
            # resample_poly multiplies the taps it is given by `up`, and the manifest's have that already.
            y = resample_poly(x.astype(float), up, down, window=taps / up, padtype="edge")
            cases.append({"name": f"{rate} Hz, {name}", "from": rate, "x": x.tolist(), "y": np.round(y, 9).tolist()})
    ratios = {str(r): {"up": 100 // gcd(100, r), "down": r // gcd(100, r)} for r in (500, 250, 360, 128)}
    filters = [{"from": int(r), **f, "taps": taps_for(**f).tolist()} for r, f in ratios.items()]
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"filters": filters, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
