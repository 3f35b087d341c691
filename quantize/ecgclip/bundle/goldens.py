"""The self-test of a bundle: simulated windows, some with leads missing, and what each variant answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ecgclip.leads import LEADS
from ecgclip.simulator.dipole import CONDITIONS, simulate

MICROVOLTS_PER_MV = 1000


def golden_windows(rate: int, samples: int, seed: int) -> npt.NDArray[np.int16]:
    """Microvolts, [N, 12, samples]: every condition twice, then some of them as seen through fewer electrodes."""
    whole = [
        simulate([make()], rate, seed + take).signal[:, :samples] for take in (0, 1) for make in CONDITIONS.values()
    ]
    kept = (LEADS[:6], LEADS[:2], LEADS[1:2], (*LEADS[:6], "V2"))
    masked = [signal * np.isin(LEADS, leads)[:, None] for signal, leads in zip(whole[: len(kept)], kept, strict=True)]
    return np.stack([np.round(signal * MICROVOLTS_PER_MV) for signal in whole + masked]).astype("<i2")
