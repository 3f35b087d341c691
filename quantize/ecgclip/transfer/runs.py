"""Results of `probe` and `zero-shot`: one folder that is added to, and that goes on where it was stopped.

`runs.json` is a list with one entry for each encoder, method, cohort, share of the labels and seed:

| key | what |
|---|---|
| `encoder`, `method`, `cohort`, `share`, `seed` | which; method is `probe`, `fine-tune` or `zero-shot` (share 0) |
| `settings` | what else decides the result: the fold, hashes of encoder and recipe, and one of records and labels |
| `records`, `measured_on` | records trained with, and measured on |
| `minimum_positives`, `tasks` | what it takes to be averaged, and how many tasks are |
| `prauc`, `auroc` | macro averages, {value, low, high}; null where no task can be averaged |
| `per_task` | list of {task, kind, training, known, positives, prevalence, averaged, and either prauc and auroc or |
| | pearson and mean_absolute_error, each {value, low, high}, null where it cannot be computed} |

`training` is the number of known labels of a quantity, and of positives otherwise. Intervals are of 1,000 draws of
whole patients, the same draws for all runs of a cohort.

`pairs.json` is a list with one entry for each two encoders that have a method, cohort and share in common: {encoder,
against, method, cohort, share, seeds, prauc: {value, low, high, p}, auroc: …}, the mean over the seeds of the
difference in each draw; p is one-sided. `draws/` holds the scores and the macro averages of each draw.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError
from ecgclip.metrics import (
    Measured,
    Metric,
    auroc,
    columns_with,
    difference_of_draws,
    mean_absolute_error,
    patient_draws,
    pearson,
    prauc,
)
from ecgclip.whole_file import whole_file

MINIMUM_POSITIVES = 10  # a rarer task is listed, not averaged
DRAWS = 1000
SEED = 1  # of the draws
RANKING: dict[str, Metric] = {"prauc": prauc, "auroc": auroc}
QUANTITY: dict[str, Metric] = {"pearson": pearson, "mean_absolute_error": mean_absolute_error}
KEYS = ("encoder", "method", "cohort", "share", "seed")
COHORT_SETTINGS = ("fold", "data")  # the same for all encoders that are compared


Draws = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Judge:
    """What scores are held against."""

    cohort: str
    tasks: Sequence[str]
    binary: npt.NDArray[np.bool_]  # [tasks]
    truth: Floats  # [records, tasks]
    patients: Sequence[str]


class Runs:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "runs.json"
        self.entries: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []

    def has(self, key: dict[str, Any], settings: dict[str, Any]) -> bool:
        """Whether this run is done; one with other settings under the same names is an error.

        So is one of another encoder on other records or another fold: the two would be told apart by chance alone.
        """
        for entry in self.entries:
            if all(entry[name] == key[name] for name in ("method", "cohort")) and any(
                entry["settings"].get(name) != settings.get(name) for name in COHORT_SETTINGS
            ):
                raise EcgclipError(
                    f"{self.folder} has a {key['method']} of {entry['encoder']} on other records, labels or folds of "
                    f"{key['cohort']} ({entry['settings']}, not {settings}): give another --out."
                )
            if all(entry[name] == key[name] for name in KEYS):
                if entry["settings"] != settings:
                    raise EcgclipError(
                        f"{self.folder} has a {key['method']} of {key['encoder']} with other settings "
                        f"({entry['settings']}, not {settings}): give another --out, or another name."
                    )
                return True
        return False

    def add(
        self, key: dict[str, Any], settings: dict[str, Any], judge: Judge, scores: Floats, training: Floats
    ) -> dict[str, Any]:
        """Measure and write; `training` [records, tasks] are the labels that were trained with."""
        per_task, drawn = _measured(judge, scores, training)
        entry: dict[str, Any] = {
            **key,
            "settings": settings,
            "records": len(training),
            "measured_on": len(scores),
            "minimum_positives": MINIMUM_POSITIVES,
            "tasks": sum(row["averaged"] for row in per_task),
        }
        for name in RANKING:
            values = [row[name]["value"] for row in per_task if row["averaged"]]
            entry[name] = _interval(float(np.mean(values)), drawn[name]) if values else None
        entry["per_task"] = per_task
        self._file(key).parent.mkdir(parents=True, exist_ok=True)
        np.savez(self._file(key), scores=scores, prauc=drawn["prauc"], auroc=drawn["auroc"])
        self.entries.append(entry)
        _write(self.folder / "runs.json", self.entries)
        _write(self.folder / "pairs.json", self.pairs())
        return entry

    def _file(self, key: dict[str, Any]) -> Path:
        return self.folder / "draws" / ("-".join(f"{key[name]}" for name in KEYS) + ".npz")

    def pairs(self) -> list[dict[str, Any]]:
        """Each two encoders in the order in which they were added, over the seeds that both have."""
        out = []
        for where in dict.fromkeys((e["method"], e["cohort"], e["share"]) for e in self.entries if e["prauc"]):
            here = [e for e in self.entries if (e["method"], e["cohort"], e["share"]) == where]
            for name, other in itertools.combinations(dict.fromkeys(e["encoder"] for e in here), 2):
                ours, theirs = ({e["seed"]: e for e in here if e["encoder"] == each} for each in (name, other))
                if seeds := sorted(ours.keys() & theirs.keys()):
                    pair = {
                        "encoder": name,
                        "against": other,
                        **dict(zip(KEYS[1:4], where, strict=True)),
                        "seeds": seeds,
                    }
                    out.append(pair | self._compared([ours[s] for s in seeds], [theirs[s] for s in seeds]))
        return out

    def _compared(self, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
        found = {}
        for name in RANKING:
            values = [np.mean([entry[name]["value"] for entry in each]) for each in (ours, theirs)]
            draws = [np.mean([np.load(self._file(entry))[name] for entry in each], axis=0) for each in (ours, theirs)]
            usable = np.isfinite(draws[0]) & np.isfinite(draws[1])
            difference, p = difference_of_draws(float(values[0] - values[1]), draws[0][usable], draws[1][usable])
            found[name] = dataclasses.asdict(difference) | {"p": p}
        return found


def _measured(judge: Judge, scores: Floats, training: Floats) -> tuple[list[dict[str, Any]], dict[str, Draws]]:
    draws = patient_draws(judge.patients, DRAWS, SEED)
    averaged = set(columns_with(np.where(judge.binary, judge.truth, np.nan), MINIMUM_POSITIVES))
    macro: dict[str, list[Draws]] = {name: [] for name in RANKING}
    rows = []
    for k, task in enumerate(judge.tasks):
        truth, binary = judge.truth[:, k], bool(judge.binary[k])
        known = int(np.isfinite(truth).sum())
        row: dict[str, Any] = {"task": task, "kind": "binary" if binary else "regression"}
        row |= {
            "training": int(np.nansum(training[:, k]) if binary else np.isfinite(training[:, k]).sum()),
            "known": known,
            "positives": int(np.nansum(truth)) if binary else None,
            "prevalence": float(np.nanmean(truth)) if binary and known else None,
            "averaged": k in averaged,
        }
        both = known > 0 and 0 < np.nansum(truth) < known
        for name, metric in (RANKING if binary else QUANTITY).items():
            if (binary and not both) or known < 2:
                row[name] = None
                continue
            drawn = metric(truth, scores[:, k], draws)
            row[name] = _interval(float(metric(truth, scores[:, k])[0]), drawn)
            if k in averaged:
                macro[name].append(drawn)
        rows.append(row)
    return rows, {name: _mean(each) for name, each in macro.items()}


def _mean(each: list[Draws]) -> Draws:
    """Of the tasks that a draw can measure; NaN where it can measure none."""
    return np.asarray(np.ma.masked_invalid(each).mean(axis=0).filled(np.nan)) if each else np.zeros(0)


def _interval(value: float, drawn: Draws) -> dict[str, float] | None:
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(drawn):
        return None
    low, high = np.percentile(drawn, [2.5, 97.5])
    return dataclasses.asdict(Measured(value, float(low), float(high)))


def _write(file: Path, content: object) -> None:
    with whole_file(file) as draft:
        draft.write_text(json.dumps(content, indent=1))
