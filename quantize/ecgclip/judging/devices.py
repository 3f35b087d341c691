"""Recordings as other devices would have made them: what a network loses that has only seen one make.

Each takes and gives [n, leads, samples] mV. A lead that is absent (all zero) stays so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, sosfilt, sosfiltfilt

from ecgclip.data.records import Floats

NOISE_MV = 0.05  # standard deviation; a quiet electrode has a tenth of it
RAIL_MV = 2.0


def devices(rate: float) -> dict[str, Callable[[Floats], Floats]]:
    """By what a table calls it, for recordings of `rate` Hz."""
    muscle_filter = butter(2, 25.0, fs=rate, output="sos")  # what a bedside monitor calls "filter" or "monitor" mode
    monitor_highpass = butter(1, 0.67, "high", fs=rate, output="sos")  # IEC 60601-2-27; bends the ST segment
    return {
        "low-pass of 25 Hz": lambda x: sosfiltfilt(muscle_filter, x, axis=-1).astype(np.float32),
        "high-pass of 0.67 Hz": lambda x: sosfilt(monitor_highpass, x, axis=-1).astype(np.float32),
        "a fifth less gain": lambda x: (x * 0.8).astype(np.float32),
        "a quarter more gain": lambda x: (x * 1.25).astype(np.float32),
        f"noise of {1000 * NOISE_MV:g} µV": _noisy,
        f"rails at {RAIL_MV:g} mV": lambda x: x.clip(-RAIL_MV, RAIL_MV),
    }


def _noisy(x: Floats) -> Floats:
    noise = np.random.default_rng(0).normal(0, NOISE_MV, x.shape)
    noisy: Floats = (x + noise * (np.abs(x).max(axis=-1, keepdims=True) > 0)).astype(np.float32)
    return noisy
