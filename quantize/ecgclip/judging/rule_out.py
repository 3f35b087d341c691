"""The level below which a finding is unlikely: set by sensitivity, where an alert's is set by precision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ecgclip.config import CalibrationRecipe
from ecgclip.metrics import Array, Flags

DIGITS = 3  # of the level, rounded down so that no positive is lost by it


@dataclass(frozen=True)
class RuleOut:
    """A probability below which single windows speak against the finding, and what it is worth where it was chosen."""

    value: float
    rule: str
    sensitivity: float  # share of positives at or above it
    specificity: float  # share of the others below it


def rule_out(
    p: Array, truth: Flags, others: Flags, weights: Array, above: float, recipe: CalibrationRecipe
) -> RuleOut | None:
    """Highest level that keeps the recipe's sensitivity, and at most `above`; None where there are too few positives.

    `p`: calibrated; `others`: windows without the finding; `weights`: how much each window counts.
    """
    if truth.sum() < recipe.rule_out_positives:
        return None
    order = np.argsort(p[truth])
    positive, weight = p[truth][order], weights[truth][order]
    lost = np.cumsum(weight) - weight  # below each
    allowed = (1 - recipe.rule_out_sensitivity) * weight.sum()
    level = min(_down(float(positive[lost <= allowed][-1])), above)
    return RuleOut(
        level,
        f"sensitivity >= {recipe.rule_out_sensitivity:g}, no higher than the threshold",
        _share(p >= level, truth, weights),
        _share(p < level, others, weights),
    )


def _share(said: Flags, among: Flags, weights: Array) -> float:
    total = weights[among].sum()
    return round(float(weights[among & said].sum() / total), 4) if total else 0.0


def _down(value: float) -> float:
    """To `DIGITS` digits that count."""
    scale = 10.0 ** (DIGITS - 1 - math.floor(math.log10(value))) if value > 0 else 1.0
    return math.floor(value * scale) / scale
