"""How far probabilities can be believed; each takes truth, probability and weights as `metrics.Metric` does."""

from __future__ import annotations

import numpy as np

from ecgclip.metrics import Array

STEPS = 25  # of Newton's method, at most
CLOSE = 1e-5  # of the slope
LARGEST = 20.0  # a slope beyond is that of classes that a threshold separates: there is none


def brier(truth: Array, score: Array, weights: Array | None = None) -> Array:
    """Mean squared distance of the probability from the outcome; one value for each row of weights."""
    weights, truth, score = _known(truth, score, weights)
    return np.asarray((weights * (score - truth) ** 2).sum(axis=1) / weights.sum(axis=1))


def calibration_slope(truth: Array, score: Array, weights: Array | None = None) -> Array:
    """Slope of the outcome on the logit of the probability (Cox 1958): below 1 the model is too sure; NaN without one.

    One value for each row of weights.
    """
    weights, truth, score = _known(truth, score, weights)
    p = np.clip(score, 1e-6, 1 - 1e-6)
    z = np.log(p / (1 - p))
    slope, offset, change = np.ones(len(weights)), np.zeros(len(weights)), np.full(len(weights), np.inf)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            fitted = 0.5 * (1 + np.tanh(0.5 * (slope[:, None] * z + offset[:, None])))
            left, curve = weights * (truth - fitted), weights * fitted * (1 - fitted)
            g0, g1 = left.sum(axis=1), left @ z
            h00, h01, h11 = curve.sum(axis=1), curve @ z, curve @ z**2
            determinant = h00 * h11 - h01**2
            offset = offset + np.clip((h11 * g0 - h01 * g1) / determinant, -2, 2)
            change = np.clip((h00 * g1 - h01 * g0) / determinant, -2, 2)
            slope = slope + change
            if np.nanmax(np.abs(change)) < CLOSE:
                break
    return np.where((np.abs(slope) < LARGEST) & (np.abs(change) < CLOSE), slope, np.nan)


def _known(truth: Array, score: Array, weights: Array | None) -> tuple[Array, Array, Array]:
    known = np.isfinite(truth)
    weights = np.ones((1, len(truth))) if weights is None else weights
    return weights[:, known], truth[known], score[known]
