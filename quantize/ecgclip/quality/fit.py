"""Which leads make a window unreadable, learned from verdicts on whole windows (multiple-instance learning).

A lead's odds of being unreadable are log-linear in its features, and a window's odds are the sum of its leads' odds: a
window is never better than its worst lead, and each bad lead makes it worse. The loss is convex up to that sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

Array = npt.NDArray[np.float64]

LIMIT = 5.0  # deviations from the mean; no single feature says more
START = -4.0  # bias that the fit begins with: most leads can be read
ITERATIONS = 300


@dataclass(frozen=True)
class Bags:
    """Windows of one number of leads, and what each of them counts in the loss."""

    features: Array  # [n, leads, features]
    unreadable: Array  # [n] 0 or 1
    weight: Array  # [n]


@dataclass(frozen=True)
class LeadModel:
    """Standardised features to the log-odds that a lead makes its window unreadable."""

    mean: Array
    deviation: Array
    weights: Array
    bias: float

    def lead_logits(self, features: Array) -> Array:
        """[..., leads] of [..., leads, features]."""
        logits: Array = _standardised(features, self.mean, self.deviation) @ self.weights + self.bias
        return logits

    def window_logits(self, features: Array) -> Array:
        """[...]: log of the sum of the leads' odds."""
        logits: Array = logsumexp(self.lead_logits(features), axis=-1)
        return logits


def fit_leads(bags: Sequence[Bags], penalty: float) -> LeadModel:
    """Minimise the weighted loss and `penalty` times the squared weights; standardised by the first of the bags."""
    rows = bags[0].features.reshape(-1, bags[0].features.shape[-1])
    mean, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0) + 1e-6
    scaled = [_standardised(bag.features, mean, deviation) for bag in bags]

    def loss(point: Array) -> tuple[float, Array]:
        weights, bias = point[:-1], point[-1]
        value, slope = penalty * float(weights @ weights), np.append(2 * penalty * weights, 0.0)
        for x, bag in zip(scaled, bags, strict=True):
            leads = x @ weights + bias
            window = logsumexp(leads, axis=1)
            value += float((bag.weight * (np.logaddexp(0, window) - bag.unreadable * window)).sum())
            pull = (bag.weight * (expit(window) - bag.unreadable))[:, None] * np.exp(leads - window[:, None])
            slope[:-1] += pull.reshape(-1) @ x.reshape(-1, x.shape[-1])
            slope[-1] += pull.sum()
        return value, slope

    start = np.append(np.zeros(rows.shape[1]), START)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x
    return LeadModel(mean, deviation, found[:-1], float(found[-1]))


def _standardised(features: Array, mean: Array, deviation: Array) -> Array:
    """A feature that is not known says nothing: it becomes the mean."""
    z: Array = np.nan_to_num(np.clip((features - mean) / deviation, -LIMIT, LIMIT), nan=0.0)
    return z
