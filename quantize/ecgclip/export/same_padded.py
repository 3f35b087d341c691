"""Padding as our networks have it, in a format that pads otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ecgclip.errors import GateError


def same_padded(kernel: npt.NDArray[Any], length: int, stride: int, before: int) -> npt.NDArray[Any]:
    """The kernel [O, 1, k, I] that under `SAME` sees what this one sees with `before` zeros before the window.

    `SAME` splits an odd number of zeros the other way round; one tap of zero at the end costs less than a PAD, which
    many NPUs leave to the CPU.
    """
    taps = kernel.shape[2]
    for more in (0, 1):
        zeros = max((-(-length // stride) - 1) * stride + taps + more - length, 0)
        if zeros // 2 == before:
            return np.pad(kernel, ((0, 0), (0, 0), (0, more), (0, 0)))
    raise GateError(f"TensorFlow Lite cannot pad {before} before {length} samples for {taps} taps.")
