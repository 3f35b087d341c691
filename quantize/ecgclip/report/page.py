"""The report as one HTML file that asks nobody for anything."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ecgclip.metrics import Measured
from ecgclip.report.cohort import Cohort
from ecgclip.report.curves import forest_chart, precision_recall_chart, reliability_chart
from ecgclip.report.efficiency_chart import efficiency_charts
from ecgclip.report.examples import examples, tasks_to_show
from ecgclip.report.feature_map import feature_chart, feature_plane
from ecgclip.report.measures import MINIMUM_POSITIVES, SEED, Measures, TaskMeasures

NOTHING = TO = "\N{EN DASH}"
MAPS, SHEETS = 6, 4  # tasks that are shown unless others are asked for


@dataclasses.dataclass(frozen=True)
class Extras:
    """What the caller adds."""

    show: Sequence[str] | None  # tasks for maps and sheets
    runs: Sequence[Mapping[str, Any]]  # of `probe`
    saliency: Mapping[str, Any] | None  # of `saliency`


def render(cohort: Cohort, measures: Measures, extras: Extras, *, progress: bool = True) -> str:
    """HTML."""
    columns = {task: k for k, task in enumerate(cohort.bundle.tasks)}
    averaged = [task for task in measures.tasks if task.averaged]
    ranked = sorted(averaged, key=lambda task: -(task.prauc.value if task.prauc else 0))
    patients = np.array(cohort.patients)

    def of(task: TaskMeasures) -> tuple[Any, Any]:
        return cohort.truth[:, columns[task.id]], cohort.probabilities[:, columns[task.id]]

    rows, places = feature_plane(cohort.embedding, SEED)
    environment = Environment(
        loader=PackageLoader("ecgclip.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "interval": interval,
        "value": lambda m, digits=2: f"{m.value:.{digits}f}" if m else NOTHING,
    }
    return environment.get_template("report.html.j2").render(
        bundle=cohort.bundle.manifest,
        graph=cohort.bundle.variants[cohort.variant]["file"],
        digest=cohort.bundle.manifest["files"][cohort.bundle.variants[cohort.variant]["file"]]["sha256"],
        variant=cohort.variant,
        variants=cohort.bundle.variants,
        records=cohort.records.manifest,
        folds=sorted(set(cohort.records.folds[cohort.rows].tolist())),
        leads=cohort.records.table.leads.iloc[cohort.rows].value_counts().to_dict(),
        used_for=cohort.used_for(),
        measures=measures,
        minimum=MINIMUM_POSITIVES,
        averaged=ranked,
        rare=sorted((task for task in measures.tasks if not task.averaged), key=lambda task: -task.positives),
        forest=forest_chart(ranked) if ranked else "",
        curves=[(task, precision_recall_chart(task, *of(task))) for task in ranked],
        reliability=[(task, reliability_chart(task, *of(task), patients)) for task in ranked],
        maps=[
            (task, feature_chart(places, of(task)[0][rows], task.display))
            for task in tasks_to_show(measures, extras.show, MAPS)
        ],
        drawn=len(rows),
        efficiency=efficiency_charts(extras.runs),
        examples=list(examples(cohort, tasks_to_show(measures, extras.show, SHEETS), progress=progress)),
        saliency=extras.saliency,
        figures=json.dumps(dataclasses.asdict(measures)).replace("<", "\\u003c").replace("NaN", "null"),
    )


def interval(found: Measured | None, digits: int = 2) -> str:
    """Value, and in brackets where it may lie."""
    if found is None:
        return NOTHING
    return f"{found.value:.{digits}f} ({found.low:.{digits}f}{TO}{found.high:.{digits}f})"


def write_page(path: Path, html: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(html, encoding="utf-8")
    part.replace(path)
