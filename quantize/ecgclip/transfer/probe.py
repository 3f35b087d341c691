"""What an encoder is worth on few labels and on many: a linear head on its frozen embeddings, or a fine-tuning.

Encoders that are compared see the same records in the same order. Nothing is chosen by the records measured on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ecgclip.config import PretrainRecipe
from ecgclip.data.records import Floats, Records
from ecgclip.transfer.encoders import Embeddings, Start
from ecgclip.transfer.fine_tune import Budget, fine_tune, predict
from ecgclip.transfer.linear_head import LinearHead, fit_head
from ecgclip.transfer.runs import Runs
from ecgclip.transfer.study import Study

PROBE, FINE_TUNE = "probe", "fine-tune"
INNER_FOLDS = 4

Rows = npt.NDArray[np.int64]


def compare(
    study: Study,
    recipe: PretrainRecipe,
    starts: Sequence[Start],
    methods: Sequence[str],
    shares: Sequence[float],
    seeds: Sequence[int],
    budget: Budget,
    runs: Runs,
    *,
    progress: bool = True,
) -> None:
    """Add all runs that are not there yet."""
    embeddings = Embeddings(recipe.model, study.records, study.training)
    for method, share, seed, start in itertools.product(methods, shares, seeds, starts):
        settings = {"encoder": start.digest, "recipe": _digest(recipe, start, method)}
        settings |= dataclasses.asdict(budget) if method == FINE_TUNE else {}
        key = {"encoder": start.name, "method": method, "share": share, "seed": seed}
        wanted = [
            each
            for each in study.cohorts
            if not runs.has(key | {"cohort": each.judge.cohort}, settings | each.settings)
        ]
        if not wanted:
            continue
        order = np.random.default_rng(seed).permutation(len(study.training))
        chosen = study.training[order[: max(2, round(share * len(order)))]]
        cohorts = [(each.records, each.rows) for each in wanted]
        if method == PROBE:
            scores = _probed(study, embeddings, start, seed, chosen, cohorts)
        else:
            scores = _fine_tuned(study, embeddings, recipe, start, seed, chosen, cohorts, budget, progress=progress)
        for each, given in zip(wanted, scores, strict=True):
            where = key | {"cohort": each.judge.cohort}
            runs.add(where, settings | each.settings, each.judge, given, study.labels[chosen])


def _digest(recipe: PretrainRecipe, start: Start, method: str) -> str:
    """Of what a run takes from the recipe: the geometry that no file says, and the variations of a fine-tuning."""
    taken = (start.geometry(recipe.model), recipe.augment if method == FINE_TUNE else None)
    return hashlib.sha256(repr(taken).encode()).hexdigest()[:16]


def _probed(
    study: Study, embeddings: Embeddings, start: Start, seed: int, chosen: Rows, cohorts: Sequence[tuple[Records, Rows]]
) -> list[Floats]:
    head = _probe_head(study, embeddings.of(start, seed, study.records), chosen, study.labels[chosen])
    return [head(embeddings.of(start, seed, records)[rows]) for records, rows in cohorts]


def _probe_head(study: Study, features: Floats, chosen: Rows, labels: Floats) -> LinearHead:
    inner = (study.records.folds[chosen] % INNER_FOLDS).tolist()
    return fit_head(features[chosen], labels, study.binary, inner)[0]


def _fine_tuned(
    study: Study,
    embeddings: Embeddings,
    recipe: PretrainRecipe,
    start: Start,
    seed: int,
    chosen: Rows,
    cohorts: Sequence[tuple[Records, Rows]],
    budget: Budget,
    *,
    progress: bool,
) -> list[Floats]:
    labels, binary = study.labels[chosen], study.binary
    known = np.isfinite(labels)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(binary, 0, np.nan_to_num(labels).sum(axis=0) / count)
    spread = np.sqrt((np.where(known, labels - mean, 0) ** 2).sum(axis=0) / count)
    scale = np.where(binary | (spread == 0), 1, spread)
    standard = ((labels - mean) / scale).astype(np.float32)
    network = fine_tune(
        start.encoder(recipe.model, study.records, study.training, seed),
        _probe_head(study, embeddings.of(start, seed, study.records), chosen, standard),
        start.geometry(recipe.model),
        recipe.augment,
        study.records,
        chosen,
        standard,
        binary,
        budget,
        seed,
        progress=progress,
    )
    return [(predict(network, records, rows) * scale + mean).astype(np.float32) for records, rows in cohorts]
