"""Ranking metrics and their bootstrap intervals; a label may be NaN (unknown), and such a record does not count.

A bootstrap draw is a vector of weights (how often each record was drawn), so that one sort serves all draws. Whole
patients are drawn, because the records of one patient are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]


class Metric(Protocol):
    """Truth, score and weights (draws x records; all ones when left out) to one value a draw."""

    def __call__(self, truth: Array, score: Array, weights: Array | None = None) -> Array:
        """One value for each row of weights."""
        ...


@dataclass(frozen=True)
class Measured:
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def prauc(truth: Array, score: Array, weights: Array | None = None) -> Array:
    """Average precision, the area under the precision-recall steps; one value for each row of weights.

    A draw without positives gives NaN.
    """
    positive, negative = _cumulative(truth, score, weights)
    precision = positive / np.maximum(positive + negative, 1e-12)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.diff(positive, prepend=0) * precision).sum(axis=1) / positive[:, -1])


def precision_recall(truth: Array, score: Array) -> tuple[Array, Array]:
    """Recall and precision at each distinct score, best first."""
    positive, negative = (each[0] for each in _cumulative(truth, score, None))
    return positive / positive[-1], positive / (positive + negative)


def auroc(truth: Array, score: Array, weights: Array | None = None) -> Array:
    """Probability that a positive is ranked above a negative, ties counting half; one value for each row of weights."""
    positive, negative = _cumulative(truth, score, weights)
    gained, lost = np.diff(positive, prepend=0), np.diff(negative, prepend=0)
    below = negative[:, -1:] - negative + lost / 2
    with np.errstate(invalid="ignore"):
        return np.asarray((gained * below).sum(axis=1) / (positive[:, -1] * negative[:, -1]))


def _cumulative(truth: Array, score: Array, weights: Array | None) -> tuple[Array, Array]:
    """Weight of positives and of negatives at or above each distinct score, best first."""
    known = np.isfinite(truth)
    weights = np.ones((1, len(truth))) if weights is None else weights
    truth, score, weights = truth[known], score[known], weights[:, known]
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    sums = [np.cumsum((weights * group)[:, order], axis=1)[:, ends] for group in (truth > 0.5, truth <= 0.5)]
    return sums[0], sums[1]


def columns_with(truth: Array, minimum: int) -> list[int]:
    """Columns that have at least `minimum` positives and a negative."""
    positives, known = np.nansum(truth, axis=0), np.isfinite(truth).sum(axis=0)
    return [k for k in range(truth.shape[1]) if minimum <= positives[k] < known[k]]


def macro(metric: Metric, truth: Array, score: Array, minimum: int) -> float:
    """Mean over the columns with at least `minimum` positives."""
    return float(np.mean([metric(truth[:, k], score[:, k])[0] for k in columns_with(truth, minimum)]))


def patient_draws(patients: Sequence[str], draws: int, seed: int) -> Array:
    """[draws, records]: how often each record is in each draw of as many patients as there are."""
    _, numbers = np.unique(np.asarray(patients), return_inverse=True)
    count = int(numbers.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    return np.asarray(drawn[:, numbers], dtype=float)


def pearson(truth: Array, score: Array, weights: Array | None = None) -> Array:
    """Correlation of a quantity with its estimate; one value for each row of weights."""
    known = np.isfinite(truth)
    weights = np.ones((1, len(truth))) if weights is None else weights
    share = weights[:, known] / weights[:, known].sum(axis=1, keepdims=True)
    x, y = (each - (share @ each)[:, None] for each in (truth[known], score[known]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            (share * x * y).sum(axis=1) / np.sqrt((share * x**2).sum(axis=1) * (share * y**2).sum(axis=1))
        )


def mean_absolute_error(truth: Array, score: Array, weights: Array | None = None) -> Array:
    """In the unit of the quantity; one value for each row of weights."""
    known = np.isfinite(truth)
    weights = np.ones((1, len(truth))) if weights is None else weights
    drawn = weights[:, known]
    return np.asarray((drawn * np.abs(truth - score)[known]).sum(axis=1) / drawn.sum(axis=1))


def bootstrap(metric: Metric, truth: Array, score: Array, weights: Array) -> Measured:
    """Interval of one column over draws of `patient_draws`."""
    return bootstrap_macro(metric, truth[:, None], score[:, None], 1, weights)


def bootstrap_macro(metric: Metric, truth: Array, score: Array, minimum: int, weights: Array) -> Measured:
    """Interval of the macro average; a draw averages the columns that it can."""
    low, high = np.percentile(_drawn_macro(metric, truth, score, minimum, weights), [2.5, 97.5])
    return Measured(macro(metric, truth, score, minimum), float(low), float(high))


def paired_difference(
    metric: Metric, truth: Array, score: Array, other: Array, minimum: int, weights: Array
) -> tuple[Measured, float]:
    """Macro average of `score` less that of `other` over the same draws, and the share of draws where it is not better.

    That share is a one-sided p value.
    """
    ours, theirs = (_drawn_macro(metric, truth, each, minimum, weights) for each in (score, other))
    value = macro(metric, truth, score, minimum) - macro(metric, truth, other, minimum)
    return difference_of_draws(value, ours, theirs)


def difference_of_draws(value: float, ours: Array, theirs: Array) -> tuple[Measured, float]:
    """`value`, the interval of the difference of two metrics over the same draws, and the one-sided p value."""
    low, high = np.percentile(ours - theirs, [2.5, 97.5])
    return Measured(value, float(low), float(high)), float((ours <= theirs).mean())


def _drawn_macro(metric: Metric, truth: Array, score: Array, minimum: int, weights: Array) -> Array:
    values = [metric(truth[:, k], score[:, k], weights) for k in columns_with(truth, minimum)]
    return np.asarray(np.ma.masked_invalid(values).mean(axis=0).compressed())
