"""The windows by which tasks are judged, with what a network says of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ecgclip.catalog import CatalogTask
from ecgclip.data.joint import Joint, Rows
from ecgclip.judging.calibrate import Windows
from ecgclip.metrics import Array, Flags
from ecgclip.training.cross_validate import CROSSED, Crossed, rows_of


@dataclass(frozen=True)
class Judged:
    """Rows of a joint and their logits [n, tasks]; NaN where nobody was asked."""

    joint: Joint
    rows: Rows
    logits: Array
    crossed: bool = False  # the sets that have acute rhythms, by networks that never saw the patient

    @cached_property
    def truth(self) -> Array:
        """[n, tasks]."""
        return self.joint.labels[self.rows]

    @cached_property
    def patients(self) -> npt.NDArray[np.str_]:
        """Whose window each is."""
        return np.array(self.joint.patients(self.rows))

    @cached_property
    def quiet(self) -> Flags:
        """What must not alarm anyone: windows read as normal; or, where nobody read them so, in sinus rhythm."""
        normal = self.truth[:, self.joint.tasks.index("NORM")]
        if "SR" not in self.joint.tasks:
            return normal > 0.5
        return (normal > 0.5) | (np.isnan(normal) & (self.truth[:, self.joint.tasks.index("SR")] > 0.5))

    def windows(self, task: str, catalog: dict[str, CatalogTask], here: Flags | None = None) -> Windows:
        """Those for which a task is known; `here`: of some."""
        tasks, alert = self.joint.tasks, catalog[task].alert
        k, kin = tasks.index(task), [tasks.index(other) for other in (alert.akin if alert else ()) if other in tasks]
        akin = np.asarray((self.truth[:, kin] > 0.5).any(axis=1))
        all_of_them = Windows(self.logits[:, k], self.truth[:, k] > 0.5, self.quiet, akin, self.patients)
        known = np.isfinite(self.truth[:, k])
        return all_of_them.where(known if here is None else known & here)

    def cohort(self, task: str) -> str:
        """Where the evidence for a task comes from, in words."""
        known = self.rows[np.isfinite(self.truth[:, self.joint.tasks.index(task)])]
        parts = []
        for k in np.unique(self.joint.set_of(known)):
            settings, name = self.joint.sets[k], self.joint.records[k].manifest["name"]
            folds = ", ".join(map(str, settings.validation_folds))
            parts.append(
                f"{name}, cross-validation" if self.crossed and settings.name in CROSSED else f"{name}, fold {folds}"
            )
        return "; ".join(parts)


def with_crossed(judged: Judged, found: Crossed) -> Judged:
    """The same with all patients of the cross-validated sets in place of their validation folds; its tasks alone."""
    joint = judged.joint
    names = np.array([settings.name for settings in joint.sets])
    others = ~np.isin(names[joint.set_of(judged.rows)], CROSSED)
    logits = np.full((len(found.windows), len(joint.tasks)), np.nan)
    logits[:, [joint.tasks.index(task) for task in found.tasks]] = found.logits
    rows = np.concatenate([judged.rows[others], rows_of(joint, found)])
    return Judged(joint, rows, np.concatenate([judged.logits[others], logits]), crossed=True)
