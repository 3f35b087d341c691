"""Any folder of WFDB records with labels in CSV tables beside them, long recordings cut into windows.

Two kinds of table, both with a column `record`: one row a record, a column a task (1, 0, empty = unknown); or one row
a stretch, with `label`, `start` and `end` in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.importers.label_table import read_labels, read_table
from ecgclip.importers.leads import windows
from ecgclip.importers.wfdb_file import read_wfdb


@dataclass(frozen=True)
class Folder:
    """What there is to know about a folder before it is read."""

    name: str
    licence: str
    labels: Path | None = None  # a row a record; may also give patient, fold and report
    intervals: Path | None = None  # a row a stretch
    rename: Mapping[str, str] = field(default_factory=dict)  # signal's name -> lead
    hop_s: float | None = None  # between windows of a long recording; None: end to end
    covered_s: float = 3.0  # a stretch's label holds in a window that has this much of it, does not where there is none


def wfdb_folder(folder: Path, about: Folder, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate for each header under the folder."""
    table = read_labels(about.labels)
    needed = ["record", "label", "start", "end"]
    intervals = read_table(about.intervals, needed) if about.intervals else pd.DataFrame(columns=needed)
    kinds = sorted(set(intervals.label))

    def reader(header: Path, name: str) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            signal, source_rate, _ = read_wfdb(header, about.rename)
            known = table.known(about.name, name)
            stretches = intervals[intervals.record == name]
            hop = None if about.hop_s is None else round(about.hop_s * rate)
            return [
                Record(
                    record=f"{name}@{start:.10g}",
                    source=f"{header.relative_to(folder)}, {start:.10g} s",
                    rate=source_rate,
                    signal=window,
                    **known
                    | {
                        "labels": known["labels"]
                        | _covered(stretches, kinds, start, start + samples / rate, about.covered_s)
                    },
                )
                for start, window in windows(signal, source_rate, rate, samples, hop)
            ]

        return read

    return Origin(about.name, about.licence, tuple(dict.fromkeys([*table.tasks, *kinds])), rate, samples), [
        Candidate(name, reader(header, name))
        for header in sorted(folder.rglob("*.hea"))
        for name in [str(header.relative_to(folder).with_suffix(""))]
    ]


def _covered(stretches: pd.DataFrame, kinds: list[str], start: float, end: float, enough: float) -> dict[str, float]:
    """1 where a label covers enough of the window, 0 where none of it, unknown between or without any annotation."""
    if stretches.empty:
        return {}
    seconds = (stretches.end.clip(upper=end) - stretches.start.clip(lower=start)).clip(lower=0)
    covered = seconds.groupby(stretches.label).sum().reindex(kinds, fill_value=0.0)
    return {kind: float(s > 0) for kind, s in covered.items() if s == 0 or s >= enough}
