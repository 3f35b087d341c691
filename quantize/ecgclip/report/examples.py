"""Single windows to be looked at: of each task the clearest that was found, and the worst false one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from tqdm import tqdm

from ecgclip.export.onnx_export import INPUT, session
from ecgclip.leads import DERIVATION
from ecgclip.metrics import Array
from ecgclip.model import Output
from ecgclip.report.cohort import Cohort
from ecgclip.report.measures import Measures, TaskMeasures
from ecgclip.report.sheet import ecg_sheet, where_most
from ecgclip.saliency.maps import class_activation, occlusion

COMMON = 0.5  # a task that more windows than this have is the normal case, and not shown unless asked for


@dataclass(frozen=True)
class Example:
    """One window."""

    task: TaskMeasures
    title: str
    record: str
    probability: float
    labels: tuple[str, ...]  # what else is known to be there
    where: str
    sheet: Markup


def tasks_to_show(measures: Measures, wanted: Sequence[str] | None, count: int) -> list[TaskMeasures]:
    """Those that were asked for; else those that may alert, then those ranked best, each with enough positives.

    The same column under two names is shown once.
    """
    if wanted:
        return [task for name in wanted for task in measures.tasks if task.id == name]
    twins = {name for group in measures.same_labels for name in group[1:]}
    shown = [t for t in measures.tasks if t.averaged and t.prevalence < COMMON and t.id not in twins]
    return sorted(shown, key=lambda t: (t.alert is None, -(t.prauc.value if t.prauc else 0)))[:count]


def examples(cohort: Cohort, tasks: Sequence[TaskMeasures], *, progress: bool = True) -> Iterator[Example]:
    """Sheets of the reported variant."""
    running = session(cohort.bundle.graph(cohort.variant))
    weights, _ = cohort.bundle.heads()
    chosen = [
        (task, title, row)
        for task in tasks
        for title, row in _windows(cohort, cohort.bundle.tasks.index(task.id), task.threshold)
    ]
    for task, title, row in tqdm(chosen, "saliency", disable=not progress):
        k = cohort.bundle.tasks.index(task.id)

        def scores(windows: Array, column: int = k) -> Array:
            return np.asarray(running.run([Output._fields[0]], {INPUT: windows})[0][:, column])

        at = int(cohort.rows[row])
        (window,) = cohort.records.millivolts(np.array([at]))
        present = (cohort.records.present[at] | (DERIVATION == 0)).all(axis=1)
        (features,) = running.run([Output._fields[2]], {INPUT: window[None]})
        map_ = occlusion(scores, window, present)
        where = where_most(map_, present, cohort.records.manifest["rate"])
        record = str(cohort.records.table.record.iloc[at])
        label = f"ECG of {record} with the saliency of {task.display}: {where}"
        yield Example(
            task=task,
            title=title,
            record=record,
            probability=float(cohort.probabilities[row, k]),
            labels=tuple(t for t, y in zip(cohort.bundle.tasks, cohort.truth[row], strict=True) if y > 0.5),
            where=where,
            sheet=ecg_sheet(
                window, present, cohort.records.manifest["rate"], map_, class_activation(features, weights[k])[0], label
            ),
        )


def _windows(cohort: Cohort, k: int, threshold: float) -> Iterator[tuple[str, int]]:
    """Titles and rows, where there are any at or above the threshold."""
    for title, here in (
        ("Clearest true positive", cohort.truth[:, k] > 0.5),
        ("Worst false positive", cohort.truth[:, k] <= 0.5),
    ):
        p = np.where(here, cohort.probabilities[:, k], -1)
        if p.max() >= threshold:
            yield title, int(p.argmax())
