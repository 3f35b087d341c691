"""Every figure of the report, and nothing about how it looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecgclip.judging.calibration_metrics import brier, calibration_slope
from ecgclip.metrics import (
    Array,
    Measured,
    Metric,
    auroc,
    bootstrap,
    bootstrap_macro,
    columns_with,
    macro,
    patient_draws,
    prauc,
)
from ecgclip.report.cohort import Cohort

MINIMUM_POSITIVES = 10  # a rarer task is listed, not averaged
SEED = 1  # of the bootstrap draws
Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


@dataclass(frozen=True)
class TaskMeasures:
    """One task over the records for which it is known; None where it cannot be computed."""

    id: str
    display: str
    alert: str | None  # tier
    known: int
    positives: int
    patients: int  # with at least one positive
    prevalence: float
    averaged: bool
    prauc: Measured | None
    auroc: Measured | None
    threshold: float
    rule: str
    sensitivity: Measured | None
    specificity: Measured | None
    ppv: Measured | None
    brier: Measured | None
    brier_of_prevalence: float  # of always saying the prevalence
    slope: Measured | None
    expected_to_observed: float | None


@dataclass(frozen=True)
class VariantMeasures:
    """One variant against the one that is reported."""

    variant: str
    tasks: int
    delta_prauc: float
    worst_delta_prauc: float
    worst_task: str
    decisions_that_differ: float
    largest_difference: float  # of a probability


@dataclass(frozen=True)
class Measures:
    """The whole."""

    windows: int
    patients: int
    draws: int
    averaged: int
    prauc: Measured | None
    auroc: Measured | None
    tasks: tuple[TaskMeasures, ...]
    unlabelled: tuple[str, ...]  # tasks of the bundle that no record has a label for
    same_labels: tuple[tuple[str, ...], ...]  # tasks that are the same column here under several names
    variants: tuple[VariantMeasures, ...]


def measure(cohort: Cohort, draws: int) -> Measures:
    """Intervals are 95 % over whole patients."""
    truth, p, patients = cohort.truth, cohort.probabilities, cohort.patients
    weights = patient_draws(patients, draws, SEED)
    labelled = np.flatnonzero(np.isfinite(truth).any(axis=0))
    averaged = columns_with(truth, MINIMUM_POSITIVES)
    tasks = cohort.bundle.tasks
    return Measures(
        windows=len(truth),
        patients=len(set(patients)),
        draws=draws,
        averaged=len(averaged),
        prauc=bootstrap_macro(prauc, truth, p, MINIMUM_POSITIVES, weights) if averaged else None,
        auroc=bootstrap_macro(auroc, truth, p, MINIMUM_POSITIVES, weights) if averaged else None,
        tasks=tuple(_task(cohort, int(k), np.array(patients), weights, averaged=k in averaged) for k in labelled),
        unlabelled=tuple(task for k, task in enumerate(tasks) if k not in labelled),
        same_labels=_same_labels(truth, tasks),
        variants=tuple(_variant(cohort, name, other, averaged) for name, other in cohort.others.items()),
    )


def _task(cohort: Cohort, k: int, patients: npt.NDArray[np.str_], weights: Array, *, averaged: bool) -> TaskMeasures:
    known = np.isfinite(cohort.truth[:, k])
    y, p, patients, weights = cohort.truth[known, k], cohort.probabilities[known, k], patients[known], weights[:, known]
    task = cohort.bundle.manifest["tasks"][k]
    positive, above = y > 0.5, p >= task["threshold"]["value"]
    prevalence = float(positive.mean())

    def interval(metric: Metric) -> Measured | None:
        value = float(metric(y, p)[0]) if 0 < prevalence < 1 else np.nan
        return bootstrap(metric, y, p, weights) if np.isfinite(value) else None

    return TaskMeasures(
        id=task["id"],
        display=task["display"],
        alert=task["alert"] and task["alert"]["tier"],
        known=len(y),
        positives=int(positive.sum()),
        patients=len(set(patients[positive])),
        prevalence=prevalence,
        averaged=averaged,
        prauc=interval(prauc),
        auroc=interval(auroc),
        threshold=task["threshold"]["value"],
        rule=task["threshold"]["rule"],
        sensitivity=share(above[positive], patients[positive]),
        specificity=share(~above[~positive], patients[~positive]),
        ppv=share(positive[above], patients[above]),
        brier=interval(brier),
        brier_of_prevalence=prevalence * (1 - prevalence),
        slope=interval(calibration_slope),
        expected_to_observed=float(p.mean()) / prevalence if prevalence else None,
    )


def share(flags: npt.NDArray[np.bool_], patients: npt.NDArray[np.str_]) -> Measured | None:
    """Share of the windows, with Wilson's interval (JASA 22:209, 1927) for as many trials as there are patients.

    The windows of a patient are no independent trials; counting them as one is the careful end.
    """
    if not len(flags):
        return None
    value, trials = float(flags.mean()), len(set(patients))
    centre = (value + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    half = Z / (1 + Z**2 / trials) * (value * (1 - value) / trials + Z**2 / (4 * trials**2)) ** 0.5
    return Measured(value, max(0.0, centre - half), min(1.0, centre + half))


def _same_labels(truth: Array, tasks: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    groups: dict[bytes, list[str]] = {}
    for k, task in enumerate(tasks):
        if np.nansum(truth[:, k]):
            groups.setdefault(np.nan_to_num(truth[:, k], nan=-1).tobytes(), []).append(task)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _variant(cohort: Cohort, name: str, other: Array, averaged: list[int]) -> VariantMeasures:
    """The other variant's figure less that of the reported one."""
    truth, p = cohort.truth, cohort.probabilities
    delta = {k: float((prauc(truth[:, k], other[:, k]) - prauc(truth[:, k], p[:, k]))[0]) for k in averaged}
    worst = min(delta, key=lambda k: delta[k], default=None)
    thresholds = np.array([task["threshold"]["value"] for task in cohort.bundle.manifest["tasks"]])
    differ = ((other >= thresholds) != (p >= thresholds))[:, averaged]
    return VariantMeasures(
        variant=name,
        tasks=len(averaged),
        delta_prauc=macro(prauc, truth, other, MINIMUM_POSITIVES) - macro(prauc, truth, p, MINIMUM_POSITIVES)
        if averaged
        else np.nan,
        worst_delta_prauc=np.nan if worst is None else delta[worst],
        worst_task="" if worst is None else cohort.bundle.tasks[worst],
        decisions_that_differ=float(differ.mean()) if averaged else np.nan,
        largest_difference=float(np.abs(other - p).max()),
    )
