"""Simulated patients who fall ill at a known time, for `make alarm-burden`.

    PYTHONPATH=quantize python bench/simulated_onsets.py --out DATA/onsets [--each 20] [--seed 1]

Two minutes of 12 leads at 100 Hz a patient: sinus rhythm, and between the 40th and the 60th second the onset of AF, ST elevation
infarction, VT, VF or asystole. Writes WFDB records and fields.csv: id, task, onset (seconds).
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import wfdb
from ecgclip.leads import DERIVATION, LEADS
from ecgclip.simulator.heart import normal_heart
from ecgclip.simulator.onset import ONSETS, with_onset
from ecgclip.simulator.signal import draw_electrodes, lead_signals

SECONDS, RATE = 120, 100
EARLIEST, LATEST = 40, 60
NO_MOTION = np.zeros((0, 0))
COUNTS_PER_MV = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--each", type=int, default=20, help="patients a condition (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = [write(arguments.out, task, k, arguments.seed) for task in ONSETS for k in range(arguments.each)]
    with (arguments.out / "fields.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "task", "onset"])
        writer.writerows(rows)


def write(folder: Path, task: str, k: int, seed: int) -> tuple[str, str, str]:
    """One record; its row of fields.csv."""
    rng = np.random.default_rng([seed, ONSETS.index(task), k])
    heart = normal_heart(rng, float(rng.uniform(18, 95)))
    onset = round(float(rng.uniform(EARLIEST, LATEST)), 2)
    timeline = with_onset(heart, rng, task, SECONDS, onset)
    signal = DERIVATION @ lead_signals(timeline, RATE, draw_electrodes(rng), rng, NO_MOTION)
    name = f"{task.lower()}{k:03d}"
    counts = np.clip(np.round(signal.T * COUNTS_PER_MV), -32767, 32767).astype(np.int64)
    leads = len(LEADS)
    wfdb.wrsamp(
        name,
        fs=RATE,
        units=["mV"] * leads,
        sig_name=list(LEADS),
        d_signal=counts,
        fmt=["16"] * leads,
        adc_gain=[COUNTS_PER_MV] * leads,
        baseline=[0] * leads,
        write_dir=str(folder),
    )
    return name, task, f"{onset:.2f}"


if __name__ == "__main__":
    main()
