"""Measures both variants on the validation folds, and the gates that a bundle must pass."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

import numpy as np

from ecgclip.catalog import CatalogTask
from ecgclip.config import CalibrationRecipe, QuantizationRecipe
from ecgclip.errors import GateError
from ecgclip.judging.calibrate import OperatingPoint, choose, limb_lead_shift
from ecgclip.judging.judged import Judged
from ecgclip.metrics import Array, Flags, Measured, auroc, bootstrap, bootstrap_macro, columns_with, macro, prauc


@dataclass(frozen=True)
class TaskMeasures:
    """One task on the validation folds, int8 variant; `prauc` and `auroc` are None where there is no evidence."""

    training_positives: int
    positives: int
    prevalence: float
    prauc: Measured | None
    auroc: Measured | None
    sensitivity: float  # of single windows at the threshold
    ppv: float
    normal_exceedance: float  # share of normal records at or above the threshold


@dataclass(frozen=True)
class Parity:
    """A variant against fp32."""

    macro_delta_prauc: float
    worst_delta_prauc: float
    worst_task: str
    decision_flips: float


def operating_point(
    task: str, judged: Judged, training_positives: float, catalog: dict[str, CatalogTask], recipe: CalibrationRecipe
) -> OperatingPoint:
    """Calibrate a task on the windows for which it is known."""
    windows = judged.windows(task, catalog)
    evidence = has_evidence(training_positives, float(windows.truth.sum()), recipe)
    return choose(windows, catalog[task].alert, recipe, evidence=evidence)


def limb_lead_shifts(
    judged: Judged,
    limb: Flags,
    catalog: dict[str, CatalogTask],
    recipe: CalibrationRecipe,
    crossed: Collection[str] = (),
) -> Array:
    """`limb_lead_shift` of each task; `limb`: windows of limb leads alone.

    0 for the tasks that were cross-validated, whose level is of networks that nothing was shifted in.
    """
    shifts = np.zeros(len(judged.joint.tasks), np.float32)
    for k, task in enumerate(judged.joint.tasks):
        if task in crossed:
            continue
        alone, others = (judged.windows(task, catalog, here) for here in (limb, ~limb))
        shifts[k] = limb_lead_shift(alone, others, catalog[task].alert, recipe)
    return shifts


def has_evidence(training_positives: float, positives: float, recipe: CalibrationRecipe) -> bool:
    """Whether there are enough positives to say anything about a task."""
    return training_positives >= recipe.minimum_training_positives and positives >= recipe.minimum_validation_positives


def probabilities(logits: Array, points: list[OperatingPoint]) -> Array:
    """Calibrated probability of each task."""
    return np.stack([point.platt(logits[:, k]) for k, point in enumerate(points)], axis=1)


def measure_task(
    task: str, judged: Judged, point: OperatingPoint, training_positives: int, recipe: CalibrationRecipe, draws: Array
) -> TaskMeasures:
    """All figures of one task over the windows for which it is known; `draws` as of `patient_draws`, of all windows."""
    k = judged.joint.tasks.index(task)
    known = np.isfinite(judged.truth[:, k])
    p, truth, draws = point.platt(judged.logits[known, k]), judged.truth[known, k], draws[:, known]
    quiet = judged.quiet[known] & (truth <= 0.5)
    positives = int(truth.sum())
    above = p >= point.threshold.value
    enough = has_evidence(training_positives, positives, recipe)
    return TaskMeasures(
        training_positives=training_positives,
        positives=positives,
        prevalence=positives / len(truth),
        prauc=bootstrap(prauc, truth, p, draws) if enough else None,
        auroc=bootstrap(auroc, truth, p, draws) if enough else None,
        sensitivity=float(above[truth > 0.5].mean()) if positives else 0.0,
        ppv=float(truth[above].mean()) if above.any() else 0.0,
        normal_exceedance=float(above[quiet].mean()) if quiet.any() else 0.0,
    )


def measure_macro(scores: Array, truth: Array, recipe: CalibrationRecipe, draws: Array) -> dict[str, object]:
    """Macro averages over the tasks with enough positives, ranked by whatever scores are given."""
    minimum = recipe.minimum_validation_positives
    return {
        "tasks": len(columns_with(truth, minimum)),
        "auroc": asdict(bootstrap_macro(auroc, truth, scores, minimum, draws)),
        "prauc": asdict(bootstrap_macro(prauc, truth, scores, minimum, draws)),
    }


def parity(
    fp32: Array,
    variant: Array,
    truth: Array,
    tasks: tuple[str, ...],
    points: list[OperatingPoint],
    calibration: CalibrationRecipe,
    recipe: QuantizationRecipe,
) -> Parity:
    """Compare logits; decisions are those of tasks that have enough positives to have a threshold worth the name."""
    delta = {
        k: float(prauc(truth[:, k], variant[:, k])[0] - prauc(truth[:, k], fp32[:, k])[0])
        for k in columns_with(truth, recipe.task_gate_positives)
    }
    worst = min(delta, key=lambda k: delta[k])
    minimum = calibration.minimum_validation_positives
    thresholds = np.array([point.threshold.value for point in points])
    decided = columns_with(truth, minimum)
    flips = (probabilities(variant, points) >= thresholds) != (probabilities(fp32, points) >= thresholds)
    return Parity(
        macro_delta_prauc=macro(prauc, truth, variant, minimum) - macro(prauc, truth, fp32, minimum),
        worst_delta_prauc=delta[worst],
        worst_task=tasks[worst],
        decision_flips=float(flips[:, decided].mean()),
    )


def check_parity(found: Parity, recipe: QuantizationRecipe, variant: str = "int8") -> None:
    """Gate: no variant may cost more than the recipe allows; that a task is ranked better by chance is no fault."""
    limits = (
        ("loss of macro PRAUC", -found.macro_delta_prauc, recipe.macro_delta_prauc),
        (f"loss of PRAUC of {found.worst_task}", -found.worst_delta_prauc, recipe.task_delta_prauc),
        ("decision flips", found.decision_flips, recipe.decision_flips),
    )
    if problems := [f"{name} {value:.4f} > {limit:g}" for name, value, limit in limits if not value <= limit]:
        raise GateError(f"{variant} is not as good as fp32: {'; '.join(problems)}.")


def check_numbers(logits: Array, variant: str) -> None:
    """Gate: every window has an answer; what is no number still has a rank, and never an alert."""
    if wrong := int((~np.isfinite(logits)).any(axis=1).sum()):
        raise GateError(f"{variant} answers {wrong} of {len(logits)} windows with what is no number.")


def check_goldens(found: Array, expected: Array, tolerance: float, variant: str) -> None:
    """Gate: a variant in another form answers the self-test as the one that it was made from."""
    if not (deviation := float(np.abs(found - expected).max())) <= tolerance:  # nor is NaN
        raise GateError(f"{variant} is off by {deviation:.3f} in the goldens; {tolerance:g} is allowed.")
