"""The quality model: trained on the Challenge of 2011, kept from taking rhythms for noise, cross-validated.

Two thresholds come out of it. Below the window's, a window is degraded; below the lead's, which is set so that next to
no lead of a readable window falls below it, a lead is not given to the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from tqdm import tqdm

from ecgclip.config import QualityRecipe, ReadableRecipe
from ecgclip.data.records import Records, millivolts, open_records
from ecgclip.errors import EcgclipError
from ecgclip.importers.challenge_2011 import TASK
from ecgclip.metrics import auroc, patient_draws
from ecgclip.quality.features import FEATURE_VERSION, FEATURES, RATE, SAMPLES, lead_features
from ecgclip.quality.fit import LIMIT, Bags, fit_leads

SCHEMA = "urn:ecgclip:quality:1"
CHALLENGE = "quality2011"
DIGITS = 6
MOST_PATIENTS = 10_000  # more of them share a number, and so a fold
CHUNK = 200  # windows whose features are computed at once

Array = npt.NDArray[np.float64]
Floating = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Windows:
    """Features of windows from one set, all with the same number of leads."""

    name: str
    licence: str
    features: Array  # [n, leads, features]
    unreadable: Array  # [n] 0 or 1
    collection: str  # the folder of records; sets from one share its patients
    patient: npt.NDArray[np.int64]  # a number below MOST_PATIENTS, of its collection


@dataclass(frozen=True)
class Held:
    """Scores of windows by models that had not seen their patients, a row a repetition."""

    windows: Array  # [repeats, n] log-odds of being unreadable
    leads: Array  # [repeats, n, leads]


def train_quality(recipe: QualityRecipe, folder: Path, *, progress: bool = True) -> dict[str, Any]:
    """What `quality.json` holds: the model of all records, its thresholds, and the evidence for them."""
    challenge = _challenge(open_records(folder / CHALLENGE), recipe)
    readable = [readable_windows(open_records(folder / each.name), each, recipe) for each in recipe.readable]
    held = cross_validate(recipe, challenge, readable, progress=progress)
    scores, guards = held[0], held[1:]
    window = best_threshold(scores.windows, challenge.unreadable)
    # A lead that would not degrade its window is never taken away.
    lead = max(window, lead_threshold(guards, recipe.most_flagged))
    model = fit_leads(_bags(challenge, readable, recipe), recipe.penalty)
    return {
        "schema": SCHEMA,
        "features": {"version": FEATURE_VERSION, "names": list(FEATURES), "rate": RATE, "samples": SAMPLES},
        **{name: _rounded(getattr(model, name)) for name in ("mean", "deviation", "weights")},
        "bias": round(model.bias, DIGITS),
        "limit": LIMIT,
        "thresholds": {
            "window": {
                "value": round(float(expit(-window)), DIGITS),
                "rule": "highest balanced accuracy in cross-validation",
            },
            "lead": {
                "value": round(float(expit(-lead)), DIGITS),
                "rule": f"at most {recipe.most_flagged:.1%} of the leads of each readable set are below it",
            },
        },
        "evidence": _evidence(recipe, challenge, readable, held, (window, lead)),
    }


def cross_validate(
    recipe: QualityRecipe, challenge: Windows, readable: Sequence[Windows], *, progress: bool
) -> list[Held]:
    """For each of the sets, scores of its windows by models that saw none of their patients."""
    sets = [challenge, *readable]
    held = [
        Held(np.zeros((recipe.repeats, len(each.patient))), np.zeros((recipe.repeats, *each.features.shape[:2])))
        for each in sets
    ]
    random = np.random.default_rng(recipe.seed)
    with tqdm(total=recipe.repeats * recipe.folds, desc=recipe.name, disable=not progress) as bar:
        for repeat in range(recipe.repeats):
            folds = folds_of(sets, random, recipe.folds)
            for fold in range(recipe.folds):
                seen = [_only(each, where != fold) for each, where in zip(sets, folds, strict=True)]
                model = fit_leads(_bags(seen[0], seen[1:], recipe), recipe.penalty)
                for each, where, into in zip(sets, folds, held, strict=True):
                    away = where == fold
                    into.leads[repeat, away] = model.lead_logits(each.features[away])
                    into.windows[repeat, away] = model.window_logits(each.features[away])
                bar.update()
    return held


def folds_of(sets: Sequence[Windows], random: np.random.Generator, count: int) -> list[npt.NDArray[np.int64]]:
    """Fold of each window; a patient who is in several sets is in the same fold of all."""
    drawn = [random.permutation(MOST_PATIENTS) for _ in sets]
    collections = [each.collection for each in sets]
    return [drawn[collections.index(each.collection)][each.patient] % count for each in sets]


def best_threshold(scores: Array, unreadable: Array) -> float:
    """Log-odds at or above which a window counts as unreadable: highest balanced accuracy, over all repetitions."""
    candidates = np.quantile(scores, np.linspace(0.5, 0.99, 99))
    return float(max(candidates, key=lambda at: float(balanced(scores >= at, unreadable).mean())))


def lead_threshold(guards: Sequence[Held], most: float) -> float:
    """Log-odds that no more than a share `most` of the leads of any set reach."""
    return max(float(np.quantile(guard.leads, 1 - most)) for guard in guards)


def balanced(said: npt.NDArray[np.bool_], unreadable: Array) -> Array:
    """Mean of sensitivity and specificity, a value a row."""
    bad = unreadable == 1
    found: Array = (said[:, bad].mean(axis=1) + (~said[:, ~bad]).mean(axis=1)) / 2
    return found


def _challenge(records: Records, recipe: QualityRecipe) -> Windows:
    unreadable = records.known([TASK])[:, 0].astype(np.float64)
    if np.isnan(unreadable).any() or len(set(unreadable)) != 2:
        raise EcgclipError(f"{records.folder} must say of each record whether it is acceptable, and have both kinds.")
    if not records.present.all():
        raise EcgclipError(f"{records.folder} has records without some of the leads: import whole ECGs only.")
    return _windows(records, np.arange(len(unreadable), dtype=np.int64), unreadable, CHALLENGE, recipe)


def readable_windows(records: Records, about: ReadableRecipe, recipe: QualityRecipe) -> Windows:
    """Windows drawn by the seed from those with one of the tasks and with the most common number of leads."""
    leads = records.present.sum(axis=1)
    usable = np.isin(records.folds, about.folds) & (leads == np.bincount(leads).argmax())
    if about.tasks:
        usable &= (records.known(about.tasks) == 1).any(axis=1)
    rows = np.random.default_rng(recipe.seed).permutation(np.flatnonzero(usable))[: about.windows].astype(np.int64)
    if not len(rows):
        raise EcgclipError(f"{records.folder} has no window with {', '.join(about.tasks)}: correct the recipe.")
    name = f"{about.name} {', '.join(about.tasks)}".strip()
    return _windows(records, np.sort(rows), np.zeros(len(rows)), name, recipe)


def _windows(
    records: Records, rows: npt.NDArray[np.int64], unreadable: Array, name: str, recipe: QualityRecipe
) -> Windows:
    if records.manifest["rate"] != RATE or records.manifest["samples"] != SAMPLES:
        raise EcgclipError(f"{records.folder} is not at {RATE} Hz in windows of {SAMPLES} samples: import it so.")
    parts = []
    for start in range(0, len(rows), CHUNK):
        here = rows[start : start + CHUNK]
        signals, present = millivolts(records.signals[here]), records.present[here]
        parts.append(lead_features(signals[present].reshape(len(here), -1, SAMPLES)))
    _, numbers = np.unique(records.table.patient.to_numpy(str), return_inverse=True)
    return Windows(
        name=name,
        licence=records.manifest["licence"],
        features=np.concatenate(parts),
        unreadable=unreadable,
        collection=str(records.folder),
        patient=(numbers[rows] % MOST_PATIENTS).astype(np.int64),
    )


def _only(windows: Windows, where: npt.NDArray[np.bool_]) -> Windows:
    return replace(
        windows,
        features=windows.features[where],
        unreadable=windows.unreadable[where],
        patient=windows.patient[where],
    )


def _bags(challenge: Windows, readable: Sequence[Windows], recipe: QualityRecipe) -> list[Bags]:
    """Both verdicts of the challenge weigh the same; the readable sets share a weight of their own."""
    bad = challenge.unreadable == 1
    weight = np.where(bad, 0.5 / bad.sum(), 0.5 / (~bad).sum())
    share = recipe.readable_weight / max(len(readable), 1)
    return [Bags(challenge.features, challenge.unreadable, weight)] + [
        Bags(each.features, each.unreadable, np.full(len(each.unreadable), share / len(each.unreadable)))
        for each in readable
        if len(each.unreadable)
    ]


def _evidence(
    recipe: QualityRecipe,
    challenge: Windows,
    readable: Sequence[Windows],
    held: Sequence[Held],
    thresholds: tuple[float, float],
) -> dict[str, Any]:
    window, lead = thresholds
    bad = challenge.unreadable == 1
    draws = patient_draws([str(k) for k in range(len(bad))], recipe.bootstraps, recipe.seed)
    said = _said_by_others(held[0].windows, challenge.unreadable, recipe)
    caught, spared = said.mean(axis=0), 1 - said.mean(axis=0)
    sensitivity, specificity = (_weighted(*of, draws) for of in ((caught, bad), (spared, ~bad)))
    score = held[0].windows.mean(axis=0)
    return {
        "cohort": f"{CHALLENGE}, {recipe.repeats} x {recipe.folds}-fold cross-validation by record; "
        "thresholds from the other folds",
        "records": len(bad),
        "unacceptable": int(bad.sum()),
        "auroc": _measured(auroc(bad.astype(float), score), auroc(bad.astype(float), score, draws)),
        "sensitivity": _measured(*sensitivity),
        "specificity": _measured(*specificity),
        "balancedAccuracy": _measured(*((a + b) / 2 for a, b in zip(sensitivity, specificity, strict=True))),
        "leadFlagged": {
            "unacceptable": _share(held[0].leads[:, bad].max(axis=2) >= lead),
            "acceptable": _share(held[0].leads[:, ~bad].max(axis=2) >= lead),
        },
        "readable": [
            {
                "name": each.name,
                "licence": each.licence,
                "windows": len(each.unreadable),
                "degraded": _share(scores.windows >= window),
                "leadsFlagged": _share(scores.leads >= lead),
            }
            for each, scores in zip(readable, held[1:], strict=True)
        ],
    }


def _said_by_others(scores: Array, unreadable: Array, recipe: QualityRecipe) -> npt.NDArray[np.bool_]:
    """Verdicts about each tenth of the records at the threshold that is best on the others, so not flattered by it."""
    said = np.zeros(scores.shape, bool)
    part = np.random.default_rng(recipe.seed).permutation(len(unreadable)) % 10
    for k in range(10):
        here = part == k
        said[:, here] = scores[:, here] >= best_threshold(scores[:, ~here], unreadable[~here])
    return said


def _weighted(value: Array, among: npt.NDArray[np.bool_], draws: Floating) -> tuple[Floating, Floating]:
    """Mean among some records, and in each draw of records."""
    weights = draws[:, among]
    return np.array([value[among].mean()]), (weights @ value[among]) / weights.sum(axis=1)


def _measured(value: Floating, drawn: Floating) -> dict[str, float]:
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return {"value": round(float(value[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _share(said: npt.NDArray[np.bool_]) -> float:
    return round(float(said.mean()), 5)


def _rounded(values: Array) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
