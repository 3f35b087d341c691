"""What a bundle says of a folder of records, beside what is known of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ecgclip.bundle.open_bundle import OpenBundle, answers
from ecgclip.data.records import Floats, Records
from ecgclip.errors import EcgclipError

CHUNK = 512  # windows that are in memory at once
_DATASET = re.compile(r"(?P<name>.*), (?P<use>training|validation) \(folds (?P<folds>[\d, ]+)\)")
_CROSSED = re.compile(r"(?P<name>.*), cross-validation\b")


@dataclass(frozen=True)
class Cohort:
    """Rows of a folder of records, and a bundle's answers to them; tasks in the bundle's order."""

    bundle: OpenBundle
    records: Records
    rows: npt.NDArray[np.int64]
    variant: str
    truth: Floats  # [n, tasks], NaN where unknown
    probabilities: Floats  # [n, tasks]
    embedding: Floats  # [n, 2C]
    others: dict[str, Floats]  # probabilities of the other variants that run on a CPU

    @property
    def patients(self) -> list[str]:
        """Of each row."""
        return list(self.records.table.patient.iloc[self.rows])

    def used_for(self) -> dict[str, list[int]]:
        """As the function."""
        measured = [
            task for task, known in zip(self.bundle.tasks, np.isfinite(self.truth).T, strict=True) if known.any()
        ]
        return used_for(self.bundle, self.records, self.rows, measured)


def used_for(
    bundle: OpenBundle, records: Records, rows: npt.NDArray[np.int64], tasks: Sequence[str]
) -> dict[str, list[int]]:
    """Folds of these rows that a bundle was trained with, or a task chosen by, by its own account."""
    here = set(records.folds[rows].tolist())
    found: dict[str, list[int]] = {"training": [], "validation": []}
    for dataset in bundle.manifest["provenance"]["datasets"]:
        match = _DATASET.fullmatch(dataset["name"])
        if match and _same_collection(match["name"], records.manifest["name"]):
            found[match["use"]] = sorted(here & {int(fold) for fold in match["folds"].split(",")})
    asked = [task["evidence"] for task in bundle.manifest["tasks"] if task["id"] in tasks and task["evidence"]]
    if any(_same_collection(name, records.manifest["name"]) for each in asked for name in _crossed(each["cohort"])):
        found["validation"] = sorted(here)
    return found


def _crossed(cohort: str) -> list[str]:
    """Collections all of whose folds chose a task's level, as `Judged.cohort` calls them."""
    return [match["name"] for part in cohort.split("; ") if (match := _CROSSED.match(part))]


def _same_collection(one: str, other: str) -> bool:
    """By name; a version may follow it."""
    return one.startswith(other) or other.startswith(one)


def measure_cohort(
    bundle: OpenBundle, records: Records, folds: Sequence[int] | None, variant: str, *, progress: bool = True
) -> Cohort:
    """Run the graphs over all records, or over those of some folds."""
    needs = bundle.manifest["input"]["rate"], bundle.manifest["input"]["samples"]
    if (records.manifest["rate"], records.manifest["samples"]) != needs:
        raise EcgclipError(f"{records.folder} is not {needs[1]} samples at {needs[0]} Hz: import it again.")
    rows = np.flatnonzero(np.isin(records.folds, folds)) if folds else np.arange(len(records.table))
    truth = records.known(bundle.tasks)[rows]
    if not np.isfinite(truth).any():
        raise EcgclipError(f"{records.folder} has no labels in these folds that {bundle.manifest['name']} knows.")
    logits, embedding = run_variant(bundle, records, rows, variant, progress=progress)
    others = [
        name
        for name, entry in bundle.variants.items()
        if name != variant and entry["format"] == "onnx" and "cpu" in entry["providers"]
    ]
    return Cohort(
        bundle=bundle,
        records=records,
        rows=rows,
        variant=variant,
        truth=truth,
        probabilities=bundle.probabilities(logits),
        embedding=embedding,
        others={
            name: bundle.probabilities(run_variant(bundle, records, rows, name, progress=progress)[0])
            for name in others
        },
    )


def run_variant(
    bundle: OpenBundle, records: Records, rows: npt.NDArray[np.int64], variant: str, *, progress: bool
) -> tuple[Floats, Floats]:
    """Logits [n, tasks] and embeddings [n, 2C] of rows by one graph."""
    windows = (window for k in range(0, len(rows), CHUNK) for window in records.millivolts(rows[k : k + CHUNK]))
    found = answers(bundle.graph(variant), iter(tqdm(windows, variant, len(rows), disable=not progress)))
    logits, embedding = zip(*((each.logits, each.embedding) for each in found), strict=True)
    return np.stack(logits), np.stack(embedding)
