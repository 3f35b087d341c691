"""What the quality model looks at in each lead: cheap figures of ten seconds in millivolts, as the network gets them.

The gateway computes the same (`gateway/window/lead-features.ts`); `FEATURE_VERSION` rises with every change.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ecgclip.data.records import Floats

Array = npt.NDArray[np.float64]

FEATURE_VERSION = 1
RATE, SAMPLES = 100, 1000
BLOCK, BLOCKS = 50, 20  # half a second
SHORT, SHORTS = 20, 50
GROUP, GROUPS = 4, 250  # of the envelope
STILL_MV = 0.002  # a step below this is none
FLOOR = 1e-3  # mV; under a logarithm
TINY = 1e-9

FEATURES = (
    "pp_median", "pp_low", "pp_high",  # peak to peak of half seconds: median, third lowest, highest
    "wander", "wander_step",  # of the means of half seconds: deviation, largest step between neighbours
    "range",  # peak to peak
    "step_high", "still",  # largest step from sample to sample; share of steps below STILL_MV
    "slope_high", "slope_median",  # mean step of half seconds: highest, median (twice)
    "rough", "rough_quiet",  # mean change of step; the same of the eleventh quietest fifth of a second
    "peaked",  # kurtosis of the envelope of steps: high where beats stand out
    "agrees_best", "agrees_fourth",  # correlation of the envelope with other leads': best, fourth best or the last
    "kurtosis",
)  # fmt: skip


def lead_features(signals: Floats) -> Array:
    """[N, leads, features] of windows [N, leads, SAMPLES] in mV; NaN where a single lead has no other to agree with."""
    x = signals.astype(np.float64)
    count, leads, _ = x.shape
    blocks = x.reshape(count, leads, BLOCKS, BLOCK)
    peaks = np.sort(blocks.max(axis=3) - blocks.min(axis=3), axis=2)
    means = blocks.mean(axis=3)
    step = np.diff(x, axis=2)
    size, change = np.abs(step), np.abs(np.diff(step, axis=2))
    slopes = np.sort(_padded(size).reshape(count, leads, BLOCKS, BLOCK).mean(axis=3), axis=2)
    quiet = np.sort(_padded(change).reshape(count, leads, SHORTS, SHORT).mean(axis=3), axis=2)
    envelope = _envelope(step)
    power = (envelope**2).mean(axis=2) + TINY
    agreement = _agreement(envelope / np.sqrt(power)[..., None])
    centred = x - x.mean(axis=2, keepdims=True)
    columns = (
        _log((peaks[..., 9] + peaks[..., 10]) / 2),
        _log(peaks[..., 2]),
        _log(peaks[..., -1]),
        _log(means.std(axis=2)),
        _log(np.abs(np.diff(means, axis=2)).max(axis=2)),
        _log(x.max(axis=2) - x.min(axis=2)),
        _log(size.max(axis=2)),
        (size < STILL_MV).mean(axis=2),
        _log(slopes[..., -1]),
        _log(slopes[..., 9] + slopes[..., 10]),
        _log(change.mean(axis=2)),
        _log(quiet[..., 10]),
        _log((envelope**4).mean(axis=2) / power**2),
        *agreement,
        _log((centred**4).mean(axis=2) / ((centred**2).mean(axis=2) + TINY) ** 2),
    )
    return np.stack(columns, axis=-1)


def _log(value: Array) -> Array:
    found: Array = np.log10(value + FLOOR)
    return found


def _padded(steps: Array) -> Array:
    return np.pad(steps, ((0, 0), (0, 0), (0, SAMPLES - steps.shape[2])))


def _envelope(step: Array) -> Array:
    """Of the steps, in groups, smoothed 1-2-1, without its mean."""
    grouped = np.sqrt((_padded(step) ** 2).reshape(*step.shape[:2], GROUPS, GROUP).sum(axis=3))
    smooth = grouped.copy()
    smooth[..., 1:-1] = (grouped[..., :-2] + 2 * grouped[..., 1:-1] + grouped[..., 2:]) / 4
    centred: Array = smooth - smooth.mean(axis=2, keepdims=True)
    return centred


def _agreement(normalised: Array) -> tuple[Array, Array]:
    """Best correlation with another lead, and the fourth best or the last there is."""
    leads = normalised.shape[1]
    if leads == 1:
        nothing = np.full(normalised.shape[:2], np.nan)
        return nothing, nothing
    correlation = normalised @ normalised.transpose(0, 2, 1) / GROUPS
    correlation[:, range(leads), range(leads)] = -np.inf
    ranked = np.sort(correlation, axis=2)[..., ::-1]
    return ranked[..., 0], ranked[..., min(3, leads - 2)]
