"""From int8 logits on the validation folds to probabilities, thresholds and alert rules.

Calibration comes after quantization, because quantization shifts logits, and is the same for every variant of a bundle.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ecgclip.catalog import AlertPolicy
from ecgclip.config import CalibrationRecipe

Array = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

# With 5 to 50 positives a free fit is mostly noise: slope and offset are held near those of an already calibrated network.
SLOPE_SPREAD = 0.4  # standard deviation of log a
OFFSET_SPREAD = 1.0  # standard deviation of b
HYSTERESIS = 0.8  # an alert ends this far below its threshold, in logits
CAUTION_PPV = 0.5  # an alert that is wrong more often than right in single windows is not raised at all


@dataclass(frozen=True)
class Platt:
    """probability = 1 / (1 + exp(-(a logit + b)))."""

    a: float
    b: float

    def __call__(self, logits: Array) -> Array:
        """Probability of each logit."""
        return sigmoid(self.a * np.asarray(logits, dtype=np.float64) + self.b)


@dataclass(frozen=True)
class Threshold:
    """Decision level, with the rule that chose it in words."""

    value: float
    rule: str


@dataclass(frozen=True)
class Alert:
    """`need` of the last `of` windows at or above the threshold start it, one below `clear_below` ends it."""

    tier: str
    need: int
    of: int
    clear_below: float


@dataclass(frozen=True)
class OperatingPoint:
    """How one task is read."""

    platt: Platt
    threshold: Threshold
    alert: Alert | None

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, dict[str, float | str | int]]) -> OperatingPoint:
        """Inverse of `as_json`."""
        alert = value["alert"]
        return OperatingPoint(
            Platt(**value["platt"]),  # type: ignore[arg-type]
            Threshold(**value["threshold"]),  # type: ignore[arg-type]
            Alert(**alert) if alert else None,  # type: ignore[arg-type]
        )


def sigmoid(z: Array) -> Array:
    """Logistic function without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def fit_platt(logits: Array, truth: Array) -> Platt:
    """Platt scaling with his smoothed targets and a prior on slope and offset."""
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    positives = y.sum()
    target = np.where(y > 0.5, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))

    def loss(at: Array) -> float:
        s = np.exp(at[0]) * z + at[1]
        data = np.sum(np.logaddexp(0, s) - target * s)
        return float(data + 0.5 * (at[0] / SLOPE_SPREAD) ** 2 + 0.5 * (at[1] / OFFSET_SPREAD) ** 2)

    found = minimize(loss, np.zeros(2), method="BFGS").x
    return Platt(a=float(np.exp(found[0])), b=float(found[1]))


def choose(
    logits: Array, truth: Array, normal: Flags, policy: AlertPolicy | None, recipe: CalibrationRecipe, *, evidence: bool
) -> OperatingPoint:
    """Operating point of one task; `normal` marks records that were read as a normal ECG."""
    platt = fit_platt(logits, truth)
    p, y = platt(logits), truth > 0.5
    if evidence and policy and (value := alert_threshold(p, y, normal, recipe)) is not None:
        rule = (
            f"alert: window PPV >= {recipe.alert_ppv:g} and at most {recipe.normal_exceedance:.1%} of normal records above, "
            f"midway to the highest that keeps sensitivity {recipe.alert_sensitivity:g}"
        )
        threshold = Threshold(_tidy(value), rule)
    else:
        threshold = Threshold(_tidy(f1_threshold(p, y)) if y.any() else 0.5, "maximum F1" if y.any() else "no positives: 0.5")
    ppv = y[p >= threshold.value].mean() if (p >= threshold.value).any() else 0.0
    if not (evidence and policy) or ppv < CAUTION_PPV or (p[normal] >= threshold.value).mean() > recipe.normal_exceedance:
        return OperatingPoint(platt, threshold, None)
    below = float(sigmoid(np.array(_logit(threshold.value) - HYSTERESIS)))
    return OperatingPoint(platt, threshold, Alert(policy.tier, policy.need, policy.of, _tidy(below)))


def alert_threshold(p: Array, y: Flags, normal: Flags, recipe: CalibrationRecipe) -> float | None:
    """Lowest level that is precise and quiet enough, raised half-way (in logits) to where sensitivity would fail."""
    levels = _levels(p)
    precise = [t for t in levels if y[p >= t].mean() >= recipe.alert_ppv and (p[normal] >= t).mean() <= recipe.normal_exceedance]
    if not precise or not y.any():
        return None
    lowest = min(precise)
    keeping = [t for t in precise if (p[y] >= t).mean() >= recipe.alert_sensitivity]
    highest = max([lowest, *keeping])
    return float(sigmoid(np.array((_logit(lowest) + _logit(highest)) / 2)))


def f1_threshold(p: Array, y: Flags) -> float:
    """Level with the highest F1."""

    def f1(level: float) -> float:
        above = p >= level
        return 2 * float((above & y).sum()) / float(above.sum() + y.sum())

    return max(_levels(p), key=f1)


def _levels(p: Array) -> list[float]:
    """Midpoints, in logits, between neighbouring probabilities, and the lowest one itself."""
    z = np.unique(_logit(p))
    return [float(t) for t in sigmoid(np.concatenate([z[:1], (z[:-1] + z[1:]) / 2]))]


def _logit(p: Array | float) -> Array:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(p / (1 - p)))


def _tidy(value: float) -> float:
    return float(np.clip(round(value, 4), 0.0001, 0.9999))
