"""Acute rhythms by cross-validation: few patients have them, so each is judged by a network that never saw the patient.

Two folds at a time of the sets that have acute rhythms are left out, and the recipe's network is trained on everything
else, with the same heads fitted again. The logits of what was left out, together, are of every patient of those sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ecgclip.catalog import CATALOG, load_catalog
from ecgclip.config import Recipe
from ecgclip.data.joint import Joint, Rows, open_joint
from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError
from ecgclip.export import onnx_export
from ecgclip.training.refit import refit_heads
from ecgclip.training.train import load_network, train, trained_by
from ecgclip.whole_file import whole_file

CROSSED = ("rhythms", "alarms2015")
FOLDS = tuple(range(1, 11))
GROUPS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10))


@dataclass(frozen=True)
class Crossed:
    """Logits of windows by networks that saw nothing of their patients."""

    tasks: tuple[str, ...]
    windows: npt.NDArray[np.str_]  # [n] names, as in records.csv
    logits: Floats  # [n, tasks]


def acute_tasks(tasks: tuple[str, ...], catalog: Path = CATALOG) -> tuple[str, ...]:
    """Those of the acute tier."""
    known = load_catalog(catalog)
    return tuple(task for task in tasks if (alert := known[task].alert) and alert.tier == "acute")


def cross_validate(
    recipe: Recipe, records: Path, work: Path, groups: tuple[tuple[int, ...], ...] = GROUPS, *, progress: bool = True
) -> None:
    """Write `work/crossed/<folds>.npz` for each group of folds; those that are there are kept, and a run goes on.

    The recipe's own network in `work`, where the train step left one, serves for folds that it was not trained with.
    """
    if recipe.training.start and not recipe.training.start.endswith(".pt"):
        raise EcgclipError(
            f"The recipe begins with the bundle {recipe.training.start}, which has seen the patients that are to be "
            "left out: cross-validate a recipe that begins with an encoder or with random weights."
        )
    if not any(each.name in CROSSED for each in recipe.sets):
        raise EcgclipError(f"Recipe {recipe.name} has none of the sets {', '.join(CROSSED)}: nothing is left out.")
    for left in groups:
        name = "-".join(map(str, left))
        file, part = work / "crossed" / f"{name}.npz", without(recipe, left)
        joint = open_joint(records, part)
        if file.exists():
            _load(file, part, joint, left)
            continue
        own = work / "crossed" / name
        checkpoint = own / "checkpoint.pt"
        if trained_by(part) == trained_by(recipe) and (work / "network.pt").exists():
            network = load_network(recipe, joint, work)  # it has not seen them either
        else:
            network = train(part, joint, checkpoint=checkpoint, progress=progress)
        own.mkdir(parents=True, exist_ok=True)
        graph = own / "fp32.onnx"
        onnx_export.export_fp32(onnx_export.fold_batch_norm(network), part.model, graph)
        acute = acute_tasks(joint.tasks)
        for refit in part.refits:
            if set(refit.tasks) & set(acute):
                refit_heads(part, refit, joint, graph, [graph])
        rows = _left_out(joint, left)
        columns = [joint.tasks.index(task) for task in acute]
        logits = onnx_export.logits(graph, joint.twelve(rows))[:, columns]
        windows = np.array(joint.names(rows))
        made_by = _made_by(part)
        with whole_file(file) as draft:
            np.savez(draft, recipe=made_by, seed=part.seed, tasks=np.array(acute), windows=windows, logits=logits)
        checkpoint.unlink(missing_ok=True)


def _made_by(part: Recipe) -> str:
    """What the logits depend on beside the seed."""
    return repr((part.data, part.sets, part.model, part.augment, part.training, part.refits))


def _left_out(joint: Joint, left: tuple[int, ...]) -> Rows:
    """Rows of these folds of the crossed sets."""
    return np.concatenate(
        [
            joint.first[k] + np.flatnonzero(np.isin(joint.records[k].folds, left))
            for k, each in enumerate(joint.sets)
            if each.name in CROSSED
        ]
    )


def _load(file: Path, part: Recipe, joint: Joint, left: tuple[int, ...]) -> dict[str, npt.NDArray[np.generic]]:
    with np.load(file) as found:
        if str(found["recipe"]) != _made_by(part) or int(found.get("seed", part.seed)) != part.seed:
            raise EcgclipError(f"{file} is of another recipe: remove it to begin anew.")
        if found["windows"].tolist() != joint.names(_left_out(joint, left)):
            folds = ", ".join(map(str, left))
            raise EcgclipError(f"{file} left out other windows than folds {folds} now have: remove it to begin anew.")
        return dict(found)


def without(recipe: Recipe, left: tuple[int, ...]) -> Recipe:
    """The recipe with some folds of the crossed sets left out, which are what is validated."""
    rest = tuple(fold for fold in FOLDS if fold not in left)
    return replace(
        recipe,
        sets=tuple(
            replace(each, training_folds=rest, validation_folds=left) if each.name in CROSSED else each
            for each in recipe.sets
        ),
    )


def open_crossed(recipe: Recipe, joint: Joint, work: Path, groups: tuple[tuple[int, ...], ...] = GROUPS) -> Crossed:
    """What `cross_validate` wrote, of the same patients in the same folds."""
    files = {left: work / "crossed" / f"{'-'.join(map(str, left))}.npz" for left in groups}
    if missing := [file for file in files.values() if not file.exists()]:
        raise EcgclipError(f"{missing[0]} is not there: run `cross-validate` first, to its end.")
    parts = [_load(file, without(recipe, left), joint, left) for left, file in files.items()]
    tasks = tuple(sorted(parts[0]["tasks"].tolist()))  # which set brings a task first depends on what is left out
    return Crossed(
        tasks,
        np.concatenate([part["windows"] for part in parts]),
        np.concatenate([part["logits"][:, [part["tasks"].tolist().index(task) for task in tasks]] for part in parts]),
    )


def rows_of(joint: Joint, crossed: Crossed) -> npt.NDArray[np.int64]:
    """Where each of its windows stands."""
    everything = np.concatenate(
        [np.arange(joint.first[k], joint.first[k + 1]) for k, each in enumerate(joint.sets) if each.name in CROSSED]
    )
    place = dict(zip(joint.names(everything), everything, strict=True))
    return np.array([place[str(name)] for name in crossed.windows])
