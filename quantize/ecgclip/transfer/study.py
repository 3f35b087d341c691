"""Records with labels to learn from, and the cohorts that what was learned is measured on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ecgclip.data.records import Floats, Records
from ecgclip.errors import EcgclipError
from ecgclip.transfer.runs import Judge

HELD_BACK = (9, 10)  # to choose by, and to test: never trained with


@dataclass(frozen=True)
class Cohort:
    """Records that are measured on."""

    records: Records
    rows: npt.NDArray[np.int64]
    judge: Judge
    settings: dict[str, int | str]  # what was trained with and measured on, for `runs.Runs`


@dataclass(frozen=True)
class Study:
    """Quantities stand behind the records' own labels."""

    records: Records
    training: npt.NDArray[np.int64]  # rows
    labels: Floats  # [N, tasks] of `records`
    binary: npt.NDArray[np.bool_]  # [tasks]
    tasks: tuple[str, ...]
    cohorts: tuple[Cohort, ...]


def open_study(records: Records, fold: int, external: Sequence[Records], targets: Path | None) -> Study:
    """Measured on `fold` of the records and on all of each external cohort."""
    quantities = _targets(targets)
    training = np.flatnonzero(~np.isin(records.folds, (fold, *HELD_BACK)))
    names = [*records.labels.columns, *quantities.columns]
    labels = _labels(records, records.labels.columns, quantities)
    there = np.asarray(np.isfinite(labels[training]).any(axis=0))
    tasks = tuple(name for name, known in zip(names, there, strict=True) if known)
    binary = np.array([name not in quantities.columns for name in tasks])
    cohorts = []
    places = [each.folder.name for each in (records, *external)]
    for each in (records, *external):
        rows = np.flatnonzero(each.folds == fold) if each is records else np.arange(len(each.table))
        truth = _labels(each, np.array(tasks)[binary].tolist(), quantities[np.array(tasks)[~binary].tolist()])
        patients = each.table.patient.iloc[rows].tolist()
        judge = Judge(each.folder.name, tasks, binary, truth[rows], patients)
        seen = [
            tasks,
            records.manifest["sha256"],
            training,
            labels[training],
            each.manifest["sha256"],
            rows,
            truth[rows],
        ]
        cohorts.append(Cohort(each, rows, judge, {"fold": fold, "data": _digest(seen)}))
    if twice := {name for name in places if places.count(name) > 1}:
        raise EcgclipError(
            f"Several folders of records are called {', '.join(sorted(twice))}: results go by it, so rename one."
        )
    if not len(training) or not len(cohorts[0].rows):
        raise EcgclipError(
            f"{records.folder} has no records to train with or none in fold {fold}: give another --fold."
        )
    return Study(records, training, labels[:, there], binary, tasks, tuple(cohorts))


def _digest(parts: Sequence[object]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part.tobytes() if isinstance(part, np.ndarray) else json.dumps(part).encode())
    return found.hexdigest()[:16]


def _targets(file: Path | None) -> pd.DataFrame:
    if file is None:
        return pd.DataFrame(index=pd.Index([], dtype=str))
    try:
        return pd.read_csv(file, dtype={"record": str}).set_index("record").astype(np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise EcgclipError(f"{file} must have a column record, and numbers in all others: {error}.") from error


def _labels(records: Records, tasks: Sequence[str], quantities: pd.DataFrame) -> Floats:
    measured = quantities.reindex(records.table.record).to_numpy(np.float32)
    return np.concatenate([records.known(tasks), measured], axis=1)
