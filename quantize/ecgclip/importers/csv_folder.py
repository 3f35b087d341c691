"""Plain CSV: a file a recording, a column a lead under its name, a row a sample; labels in a table beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.importers.arrays import Arrays
from ecgclip.importers.label_table import read_labels
from ecgclip.importers.leads import eight_leads, windows


def csv_folder(folder: Path, about: Arrays, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate a file; the columns say what the leads are, so `about.leads` is not looked at."""
    table = read_labels(about.table)

    def reader(path: Path) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            signal = pd.read_csv(path)
            x = signal.to_numpy(np.float32).T / about.per_mv
            known = table.known(about.name, path.stem)
            return [
                Record(
                    record=f"{path.stem}@{start:.10g}",
                    source=str(path.relative_to(folder)),
                    rate=about.rate,
                    signal=window,
                    **known,
                )
                for start, window in windows(eight_leads(list(signal.columns), x), about.rate, rate, samples)
            ]

        return read

    files = sorted(path for path in folder.rglob("*.csv") if path != about.table)
    return Origin(about.name, about.licence, table.tasks, rate, samples), [
        Candidate(str(path.relative_to(folder)), reader(path)) for path in files
    ]
