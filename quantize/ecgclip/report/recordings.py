"""`ecgclip recordings`: whether a bundle finds what whole recordings are labelled with, at the level that it ships.

A recording of several windows counts as found by the mean of its windows, and by whether it would start an alert.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecgclip.bundle.open_bundle import open_bundle
from ecgclip.data.records import open_records
from ecgclip.errors import EcgclipError
from ecgclip.judging.calibrate import reached
from ecgclip.metrics import Array, Flags, patient_draws
from ecgclip.report.cohort import run_variant, used_for

SEED = 1


@dataclass(frozen=True)
class Found:
    """Decisions about recordings, with a 95 % interval of F1 over patients."""

    f1: float
    low: float
    high: float
    sensitivity: float
    ppv: float

    def __str__(self) -> str:
        """One line."""
        interval = f"({self.low:.3f} to {self.high:.3f})"
        return f"F1 {self.f1:.3f} {interval}, sensitivity {self.sensitivity:.3f}, PPV {self.ppv:.3f}"


def add_recordings_options(parser: argparse.ArgumentParser) -> None:
    """What `recordings` takes."""
    parser.add_argument("--bundle", type=Path, required=True, help="folder of a finished bundle")
    parser.add_argument("--records", type=Path, required=True, help="folder of labelled records, of any cohort")
    parser.add_argument("--fold", type=int, nargs="+", help="only records of these folds (default: all)")
    parser.add_argument("--task", required=True)
    parser.add_argument("--variant", default="int8", help="graph whose answers are measured (default: int8)")
    parser.add_argument("--bootstraps", type=int, default=1000, help="draws of patients (default: 1000)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_recordings)


def _recordings(options: argparse.Namespace) -> None:
    bundle, records = open_bundle(options.bundle), open_records(options.records)
    if options.task not in bundle.tasks:
        raise EcgclipError(f"{options.bundle} has no task {options.task}: it has {', '.join(bundle.tasks)}.")
    rows = np.flatnonzero(np.isin(records.folds, options.fold)) if options.fold else np.arange(len(records.table))
    rows = rows[np.isfinite(records.known((options.task,))[rows, 0])]
    if not len(rows):
        raise EcgclipError(f"Nothing in {options.records} says whether there is {options.task}: give other folds.")
    task = bundle.manifest["tasks"][bundle.tasks.index(options.task)]
    logits, _ = run_variant(bundle, records, rows, options.variant, progress=not options.quiet)
    p = bundle.probabilities(logits)[:, bundle.tasks.index(options.task)]
    places = by_recording(records.table.record.iloc[rows].tolist())
    known = records.known((options.task,))[rows, 0] > 0.5
    if mixed := [each for each in places if known[each].any() != known[each].all()]:
        raise EcgclipError(
            f"{records.table.record.iloc[rows[mixed[0][0]]]} has {options.task} in some of its windows only, as "
            f"{len(mixed)} recordings of {options.records}: measure windows, by `report`."
        )
    truth = np.array([known[each[0]] for each in places])
    patients = [str(records.table.patient.iloc[rows[each[0]]]) for each in places]
    level, draws = task["threshold"]["value"], patient_draws(patients, options.bootstraps, SEED)
    print(
        f"{options.task} at {level:g}: {len(truth)} recordings of {len(set(patients))} patients, {truth.sum()} with it"
    )
    mean = np.array([p[each].mean() for each in places])
    print(f"by the mean of their windows: {found(truth, mean >= level, draws)}")
    if alert := task["alert"]:
        highest = np.array([reached(p[each], alert["need"], alert["of"]) for each in places])
        print(f"by an alert, {alert['need']} of {alert['of']} windows: {found(truth, highest >= level, draws)}")
    for use, folds in used_for(bundle, records, rows, (options.task,)).items():
        if folds:
            print(f"the bundle's {use} had folds {', '.join(map(str, folds))} of these")


def by_recording(names: list[str]) -> list[list[int]]:
    """Places of the windows of each recording, by what stands before the @ of their names."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name.rsplit("@", 1)[0], []).append(place)
    return list(places.values())


def found(truth: Flags, said: Flags, draws: Array) -> Found:
    """Figures of decisions; `draws` [n, recordings]: how often each is in each draw of patients."""
    right, positive, called = (draws @ cells for cells in (truth & said, truth, said))
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(2 * right / (positive + called), (0.025, 0.975))
    hits = int((truth & said).sum())
    return Found(
        f1=2 * hits / max(int(truth.sum() + said.sum()), 1),
        low=float(low),
        high=float(high),
        sensitivity=hits / max(int(truth.sum()), 1),
        ppv=hits / max(int(said.sum()), 1),
    )
