"""From int8 logits on the validation folds to probabilities, thresholds and alert rules.

Calibration comes after quantization, because quantization shifts logits, and is the same for every variant of a bundle.
Each patient counts once, however many windows there are of one: half an hour that a network cannot read must not decide
for everybody. A level is chosen by what it is for: an alert takes several windows, so what counts is which stretches of
windows would start one. Acute tasks are the exception: few patients have minutes of what is looked for, and each window
counts.

Who is told of VT in ventricular fibrillation was not called for nothing: when a level is chosen, windows of a rhythm
that the catalog calls akin are neither right nor false. They do count for the probability.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ecgclip.catalog import AlertPolicy
from ecgclip.config import CalibrationRecipe
from ecgclip.judging.rule_out import RuleOut, rule_out
from ecgclip.metrics import Array, Flags

# With 5 to 50 positives a free fit is mostly noise: slope and offset are held near those of a calibrated network.
SLOPE_SPREAD = 0.4  # standard deviation of log a
OFFSET_SPREAD = 1.0  # standard deviation of b
BEST = {"acute": "5 x missed + false is least", "prompt": "F2 is highest", "screening": "F1 is highest"}
HYSTERESIS = 0.8  # an alert ends this far below its threshold, in logits


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
class Windows:
    """Windows for which one task is known; those of a patient one after the other, as they were recorded."""

    logits: Array
    truth: Flags
    quiet: Flags  # must not set off an alert
    akin: Flags  # have a rhythm akin to the task
    patients: npt.NDArray[np.str_]

    def where(self, here: Flags) -> Windows:
        """Some of them."""
        return Windows(self.logits[here], self.truth[here], self.quiet[here], self.akin[here], self.patients[here])

    def weights(self, policy: AlertPolicy | None) -> Array:
        """How much each counts: each patient as one, but of an acute task each window."""
        return np.ones(len(self.truth)) if _is_acute(policy) else patient_weights(self.patients)

    def stretches(self, policy: AlertPolicy) -> Windows:
        """What an alert sees of each stretch of a patient's windows that have the same label: one value for a stretch.

        It is the highest that `need` of `of` windows in a row reach, or all of them, where there are fewer.
        """
        ends = (self.patients[1:] != self.patients[:-1]) | (self.truth[1:] != self.truth[:-1])
        parts = np.split(np.arange(len(self.truth)), np.flatnonzero(ends) + 1)
        return Windows(
            np.array([reached(self.logits[part], policy.need, policy.of) for part in parts]),
            np.array([self.truth[part[0]] for part in parts]),
            np.array([self.quiet[part].all() for part in parts]),
            np.array([self.akin[part].any() for part in parts]),
            np.array([self.patients[part[0]] for part in parts]),
        )


@dataclass(frozen=True)
class OperatingPoint:
    """How one task is read."""

    platt: Platt
    threshold: Threshold
    alert: Alert | None
    rule_out: RuleOut | None = None

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, dict[str, float | str | int]]) -> OperatingPoint:
        """Inverse of `as_json`."""
        alert, out = value["alert"], value["rule_out"]
        return OperatingPoint(
            Platt(**value["platt"]),  # type: ignore[arg-type]
            Threshold(**value["threshold"]),  # type: ignore[arg-type]
            Alert(**alert) if alert else None,  # type: ignore[arg-type]
            RuleOut(**out) if out else None,  # type: ignore[arg-type]
        )


def sigmoid(z: Array) -> Array:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


def reached(z: Array, need: int, of: int) -> float:
    """Highest value that `need` of `of` windows in a row reach; of fewer, that as many or all reach."""
    rows = np.lib.stride_tricks.sliding_window_view(z, min(of, len(z)))
    return float(np.sort(rows, axis=1)[:, -min(need, rows.shape[1])].max())


def patient_weights(patients: npt.NDArray[np.str_]) -> Array:
    """[windows] one divided by how many windows there are of that patient."""
    _, numbers, counts = np.unique(patients, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[numbers])


def fit_platt(logits: Array, truth: Flags, weights: Array) -> Platt:
    """Platt scaling with his smoothed targets and a prior on slope and offset."""
    z = np.asarray(logits, dtype=np.float64)
    positives, negatives = (weights * truth).sum(), (weights * ~truth).sum()
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(at: Array) -> float:
        s = np.exp(at[0]) * z + at[1]
        data = np.sum(weights * (np.logaddexp(0, s) - target * s))
        return float(data + 0.5 * (at[0] / SLOPE_SPREAD) ** 2 + 0.5 * (at[1] / OFFSET_SPREAD) ** 2)

    found = minimize(loss, np.zeros(2), method="BFGS").x
    return Platt(a=float(np.exp(found[0])), b=float(found[1]))


def choose(
    windows: Windows, policy: AlertPolicy | None, recipe: CalibrationRecipe, *, evidence: bool
) -> OperatingPoint:
    """Operating point of one task."""
    weights = windows.weights(policy)
    point = _without_rule_out(windows, weights, policy, recipe, evidence=evidence)
    if not evidence:
        return point
    p, others = point.platt(windows.logits), ~(windows.truth | windows.akin)
    return replace(point, rule_out=rule_out(p, windows.truth, others, weights, point.threshold.value, recipe))


def _is_acute(policy: AlertPolicy | None) -> bool:
    return policy is not None and policy.tier == "acute"


def _without_rule_out(
    windows: Windows, weights: Array, policy: AlertPolicy | None, recipe: CalibrationRecipe, *, evidence: bool
) -> OperatingPoint:
    acute = _is_acute(policy)
    platt = fit_platt(windows.logits, windows.truth, weights)
    if evidence and policy and (level := alert_level(windows, policy, recipe)) is not None:
        counted = "window" if acute else f"stretch where {policy.need} of {policy.of} windows are above"
        rule = (
            f"alert: PPV >= {lowest_ppv(policy, recipe):g}, at most {recipe.normal_exceedance:.1%} of normal ones "
            f"above; of such levels where {BEST[policy.tier]}; each {counted} counts"
            f"{'' if acute else ', each patient as one'}"
        )
        if policy.akin:
            rule += f", those of {' and '.join(policy.akin)} alone not at all"
        start = platt.a * level + platt.b
        alert = Alert(policy.tier, policy.need, policy.of, _tidy(_probability(start - HYSTERESIS)))
        return OperatingPoint(platt, Threshold(_tidy(_probability(start)), rule), alert)
    p, y = platt(windows.logits), windows.truth
    if y.any():
        return OperatingPoint(platt, Threshold(_tidy(f1_threshold(p, y, weights)), "maximum F1"), None)
    return OperatingPoint(platt, Threshold(0.5, "no positives to choose by"), None)


def limb_lead_shift(limb: Windows, others: Windows, policy: AlertPolicy | None, recipe: CalibrationRecipe) -> float:
    """How far the level of an alert lies higher, in logits, in windows of limb leads alone than in others.

    Both levels are what the alert's rule chooses. 0 where either kind has too few positives to say so.
    """
    levels = []
    for some in (limb, others):
        if policy is None or some.truth.sum() < recipe.minimum_validation_positives:
            return 0.0
        level = alert_level(some, policy, recipe)
        if level is None:
            return 0.0
        levels.append(level)
    return levels[0] - levels[1]


def lowest_ppv(policy: AlertPolicy, recipe: CalibrationRecipe) -> float:
    """What the tier asks of what is above: windows of an acute task, stretches of any other."""
    return {"acute": recipe.acute_ppv, "prompt": recipe.alert_ppv, "screening": recipe.screening_ppv}[policy.tier]


def alert_level(windows: Windows, policy: AlertPolicy, recipe: CalibrationRecipe) -> float | None:
    """Best logit of those that are precise and quiet; None where none catches what the recipe asks for at least.

    Quiet: normal records that do not have the condition themselves (a normal ECG may hold a premature beat) stay below.
    A missed acute rhythm counts as five false ones, as in the PhysioNet/CinC Challenge of 2015, a missed prompt finding
    as four.
    """
    acute = _is_acute(policy)
    windows = windows if acute else windows.stretches(policy)
    weights = windows.weights(policy)
    z, y, calm = windows.logits, windows.truth, windows.quiet & ~windows.truth
    levels = _levels(z)
    caught, false = _above(z, weights * y, levels), _above(z, weights * ~(y | windows.akin), levels)
    loud = _above(z, weights * calm, levels) / max((weights * calm).sum(), 1)
    positives = (weights * y).sum()
    fit = caught >= np.maximum(lowest_ppv(policy, recipe) * (caught + false), recipe.alert_sensitivity * positives)
    fit &= (caught > 0) & (loud <= recipe.normal_exceedance)
    if not fit.any():
        return None
    missed = positives - caught
    if policy.tier == "acute":
        worth = -(5 * missed + false)
    else:
        dear = 4 if policy.tier == "prompt" else 1
        worth = (1 + dear) * caught / ((1 + dear) * caught + dear * missed + false)
    return float(levels[fit][np.argmax(worth[fit])])


def f1_threshold(p: Array, y: Flags, weights: Array) -> float:
    """Level with the highest F1."""
    levels = _levels(p)
    caught, false = _above(p, weights * y, levels), _above(p, weights * ~y, levels)
    return float(levels[np.argmax(2 * caught / (caught + false + (weights * y).sum()))])


def _above(values: Array, weights: Array, levels: Array) -> Array:
    """Weight at or above each level."""
    order = np.argsort(values)
    from_top = np.append(np.cumsum(weights[order][::-1])[::-1], 0)
    return np.asarray(from_top[np.searchsorted(values[order], levels)])


def _levels(values: Array) -> Array:
    """Midpoints between neighbouring values, and the lowest one itself."""
    z = np.unique(np.asarray(values, dtype=np.float64))
    return np.concatenate([z[:1], (z[:-1] + z[1:]) / 2])


def _probability(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def _tidy(value: float) -> float:
    """Four decimals, and never 0 or 1."""
    return min(max(round(value, 4), 0.0001), 0.9999)
