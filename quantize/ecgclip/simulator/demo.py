"""The recording that the demonstration plays: simulated, so that it may be shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecgclip.leads import INDEPENDENT, KEPT
from ecgclip.simulator.dipole import (
    AGED_BEAT,
    ATRIAL_FIBRILLATION,
    FREQUENT_PVCS,
    INFERIOR_INJURY,
    SINUS,
    Segment,
    Simulation,
    simulate,
    with_injury,
)

RATE = 500  # Hz
MICROVOLTS_PER_MV = 1000
SEED = 7
# AF begins early: a gateway that starts with the recording must have its alert out within a minute.
STORY = (
    Segment(15, SINUS),
    Segment(75, ATRIAL_FIBRILLATION, AGED_BEAT),
    Segment(35, SINUS),
    Segment(30, FREQUENT_PVCS),
    Segment(25, SINUS, with_injury(INFERIOR_INJURY)),
)


def demo_recording() -> Simulation:
    """Three minutes."""
    return simulate(list(STORY), RATE, SEED)


def write_demo(folder: Path) -> None:
    """`demo.hea`, `demo.dat`: WFDB format 16, the eight independent leads, 1 microvolt a step."""
    counts = np.round(demo_recording().signal[KEPT] * MICROVOLTS_PER_MV).astype("<i2")
    lines = [f"demo {len(INDEPENDENT)} {RATE} {counts.shape[1]}"]
    for lead, row in zip(INDEPENDENT, counts, strict=True):
        checksum = int(row.astype(np.int64).sum()) & 0xFFFF
        signed = checksum - 0x10000 if checksum >= 0x8000 else checksum
        lines.append(f"demo.dat 16 {MICROVOLTS_PER_MV}(0)/mV 16 0 {row[0]} {signed} 0 {lead}")
    lines.append(
        "# simulated: sinus rhythm, atrial fibrillation, sinus rhythm, ventricular beats, inferior ST elevation"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo.dat").write_bytes(np.ascontiguousarray(counts.T).tobytes())
    (folder / "demo.hea").write_text("\n".join(lines) + "\n")
