"""Several folders of records as one training set: one list of tasks, labels that may be unknown, draws of an epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ecgclip.catalog import load_catalog
from ecgclip.config import Recipe, SetRecipe
from ecgclip.data.records import Floats, Records, millivolts, open_records, twelve_leads
from ecgclip.errors import EcgclipError
from ecgclip.leads import INDEPENDENT

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Joint:
    """Windows of all sets, one behind the other."""

    tasks: tuple[str, ...]
    sets: tuple[SetRecipe, ...]
    records: tuple[Records, ...]
    first: Rows  # row at which each set begins, and where the last ends
    training: npt.NDArray[np.bool_]  # [N]
    validation: npt.NDArray[np.bool_]  # [N]
    labels: Floats  # [N, tasks] 1, 0 or NaN where unknown

    def rows(self, where: npt.NDArray[np.bool_], name: str | None = None) -> Rows:
        """Rows that hold, of all sets or of one."""
        chosen = np.flatnonzero(where)
        return chosen if name is None else chosen[self.set_of(chosen) == [s.name for s in self.sets].index(name)]

    def set_of(self, rows: Rows) -> Rows:
        """Number of the set of each row."""
        return np.searchsorted(self.first, rows, side="right") - 1

    def eight(self, rows: Rows) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """[n, 8, samples] mV and [n, 8] which leads are there."""
        signals = np.empty((len(rows), len(INDEPENDENT), self.records[0].manifest["samples"]), np.int16)
        present = np.empty((len(rows), len(INDEPENDENT)), bool)
        kinds = self.set_of(rows)
        for k in np.unique(kinds):
            here = kinds == k
            local = rows[here] - self.first[k]
            signals[here], present[here] = self.records[k].signals[local], self.records[k].present[local]
        return millivolts(signals), present

    def twelve(self, rows: Rows) -> Floats:
        """[n, 12, samples] mV as a network is given them; absent leads are zero."""
        signals, present = self.eight(rows)
        return twelve_leads(signals, present)

    def patients(self, rows: Rows) -> list[str]:
        """Whose window each row is."""
        kinds = self.set_of(rows)
        return [self.records[k].table.patient.iloc[row - self.first[k]] for k, row in zip(kinds, rows, strict=True)]

    def names(self, rows: Rows) -> list[str]:
        """What each window is called in its set."""
        kinds = self.set_of(rows)
        return [self.records[k].table.record.iloc[row - self.first[k]] for k, row in zip(kinds, rows, strict=True)]

    def who(self) -> list[str]:
        """As `Records.who`, of all sets."""
        return [digest for each in self.records for digest in each.who()]

    def epoch(self, generator: torch.Generator) -> Rows:
        """Training rows of one epoch in random order: a set without `draws` whole, of the others that many.

        Those are drawn by the rarest task that a window has, so that minutes of ventricular fibrillation weigh
        something beside days of sinus rhythm.
        """
        parts = []
        for settings in self.sets:
            rows = self.rows(self.training, settings.name)
            if settings.draws:
                chances = torch.from_numpy(_rarity(self.labels[rows]))
                rows = rows[torch.multinomial(chances, settings.draws, replacement=True, generator=generator).numpy()]
            parts.append(rows)
        together = np.concatenate(parts)
        order: Rows = torch.randperm(len(together), generator=generator).numpy()
        return together[order]

    def evenly(self, draws: int) -> Joint:
        """The same with as many windows of each set in an epoch."""
        return replace(self, sets=tuple(replace(settings, draws=draws) for settings in self.sets))

    def training_positives(self) -> Floats:
        """[tasks] windows with it; simulated ones, and whatever else is never validated, are no evidence."""
        evident = [self.labels[self.rows(self.training, s.name)] for s in self.sets if s.validation_folds]
        found: Floats = np.nansum(np.concatenate(evident), axis=0)
        return found

    def weights(self, rows: Rows) -> Tensor:
        """[n] how much each known label of a row counts in the loss."""
        return self._of_its_set(rows, [settings.weight for settings in self.sets])

    def flips(self, rows: Rows) -> Tensor:
        """[n] probability that the electrodes of a row were the wrong way round."""
        return self._of_its_set(rows, [settings.flip for settings in self.sets])

    def teacher_shares(self, rows: Rows) -> Tensor:
        """[n] how much of each target the teacher gives."""
        return self._of_its_set(rows, [settings.teacher_share for settings in self.sets])

    def _of_its_set(self, rows: Rows, each: list[float]) -> Tensor:
        return torch.tensor(each, dtype=torch.float32)[torch.from_numpy(self.set_of(rows))]


def open_joint(folder: Path, recipe: Recipe) -> Joint:
    """Open `folder/<set>` for each set of the recipe; a task is what a set with validation folds has
    enough training positives of."""  # noqa: D205, D209 - one sentence
    records = tuple(open_records(folder / settings.name) for settings in recipe.sets)
    for each in records:
        if (each.manifest["rate"], each.manifest["samples"]) != (recipe.model.rate, recipe.model.samples):
            raise EcgclipError(f"{each.folder} was not imported for this recipe: import it with its rate and samples.")
    folds = [each.folds for each in records]
    training = [np.isin(f, s.training_folds) for f, s in zip(folds, recipe.sets, strict=True)]
    validation = [np.isin(f, s.validation_folds) for f, s in zip(folds, recipe.sets, strict=True)]
    tasks = tuple(
        dict.fromkeys(
            task
            for each, here, settings in zip(records, training, recipe.sets, strict=True)
            if settings.validation_folds
            for task in each.labels.columns
            if np.nansum(each.labels[task].to_numpy()[here]) >= recipe.data.minimum_positives
        )
    )
    _check_tasks(tasks, recipe)
    labels = []
    for each, settings in zip(records, recipe.sets, strict=True):
        known = each.known(tasks)
        for task in settings.absent:
            column = known[:, tasks.index(task)]
            column[np.isnan(column)] = 0
        labels.append(known)
    return Joint(
        tasks=tasks,
        sets=recipe.sets,
        records=records,
        first=np.cumsum([0, *(len(each.table) for each in records)]),
        training=np.concatenate(training),
        validation=np.concatenate(validation),
        labels=np.concatenate(labels),
    )


def _check_tasks(tasks: tuple[str, ...], recipe: Recipe) -> None:
    """Before hours of training: the bundle takes names and codes of its tasks from the catalog."""
    if unknown := sorted(set(tasks) - load_catalog().keys()):
        raise EcgclipError(f"The catalog has no {', '.join(unknown)}: rename these labels, or leave them out.")
    named = {task for each in recipe.sets for task in each.absent} | {t for each in recipe.refits for t in each.tasks}
    sets = {name for each in recipe.refits for name in each.sets}
    if lost := sorted(sets - {each.name for each in recipe.sets}):
        raise EcgclipError(f"Recipe {recipe.name} fits heads again on {', '.join(lost)}, which is none of its sets.")
    if missing := sorted(named - set(tasks)):
        raise EcgclipError(
            f"Recipe {recipe.name} names {', '.join(missing)}, of which no set that is validated has "
            f"{recipe.data.minimum_positives} windows to train with: take it out, or import more."
        )


def _rarity(labels: Floats) -> npt.NDArray[np.float64]:
    """1/sqrt(windows with it) of the rarest task of each window; a window without any counts as the commonest."""
    positives = np.maximum(np.nansum(labels == 1, axis=0), 1)
    chances: npt.NDArray[np.float64] = np.where(labels == 1, positives**-0.5, 0.0).max(axis=1)
    chances[chances == 0] = len(labels) ** -0.5
    return chances
