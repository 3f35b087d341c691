"""`ecgclip report`: a bundle on a folder of records, as one page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ecgclip.bundle.open_bundle import open_bundle
from ecgclip.data.records import open_records
from ecgclip.errors import EcgclipError
from ecgclip.report.cohort import measure_cohort
from ecgclip.report.efficiency_chart import load_runs
from ecgclip.report.measures import measure
from ecgclip.report.page import Extras, render, write_page


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """What `report` takes."""
    parser.add_argument("--bundle", type=Path, required=True, help="folder of a finished bundle")
    parser.add_argument("--records", type=Path, required=True, help="folder of labelled records, of any cohort")
    parser.add_argument("--fold", type=int, nargs="+", help="only records of these folds (default: all)")
    parser.add_argument("--variant", default="int8", help="graph whose answers are measured (default: int8)")
    parser.add_argument("--show", nargs="+", metavar="TASK", help="tasks for the maps and the ECG sheets")
    parser.add_argument(
        "--efficiency", type=Path, help="runs.json of `probe`, for the curves over shares of the labels"
    )
    parser.add_argument("--saliency", type=Path, help="file of `saliency`, for its table")
    parser.add_argument("--bootstraps", type=int, default=1000, help="draws of patients (default: 1000)")
    parser.add_argument("--out", type=Path, required=True, help="HTML file; it contains recordings")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(run=_report)


def load_saliency(path: Path) -> dict[str, Any]:
    """What `saliency` wrote; refused before anything is measured, not when the page is drawn."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        shown = [found[key] for key in ("bundle", "cohort", "windows", "share", "tasks")]
        shown += [row[k][name] for row in found["tasks"] for k in ("correlation", "fall") for name in found["methods"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EcgclipError(f"{path} is no check of saliency: give the file that `saliency` writes.") from error
    return found


def _report(options: argparse.Namespace) -> None:
    bundle, records = open_bundle(options.bundle), open_records(options.records)
    if unknown := sorted(set(options.show or ()) - set(bundle.tasks)):
        raise EcgclipError(f"{options.bundle} has no tasks {', '.join(unknown)}: it has {', '.join(bundle.tasks)}.")
    extras = Extras(
        show=options.show,
        runs=load_runs(options.efficiency) if options.efficiency else [],
        saliency=load_saliency(options.saliency) if options.saliency else None,
    )
    cohort = measure_cohort(bundle, records, options.fold, options.variant, progress=not options.quiet)
    measures = measure(cohort, options.bootstraps)
    write_page(options.out, render(cohort, measures, extras, progress=not options.quiet))
    if measures.prauc and measures.auroc:
        print(
            f"{options.out}: {measures.windows} windows of {measures.patients} patients, mean of {measures.averaged} "
            f"tasks: PRAUC {measures.prauc.value:.3f}, AUROC {measures.auroc.value:.3f}"
        )
    else:
        print(f"{options.out}: {measures.windows} windows of {measures.patients} patients, no task to average")
