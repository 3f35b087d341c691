"""Plain CSV: a file a recording, a column a lead under its name, a row a sample; labels in a table beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.importers.arrays import Arrays
from ecgclip.importers.leads import eight_leads, windows
from ecgclip.importers.wfdb_folder import NOT_TASKS


def csv_folder(folder: Path, about: Arrays, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate a file; the columns say what the leads are, so `about.leads` is not looked at."""
    table = pd.read_csv(about.table, dtype={"record": str}).set_index("record") if about.table else pd.DataFrame()
    tasks = [str(column) for column in table.columns if column not in NOT_TASKS]

    def reader(path: Path) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            signal = pd.read_csv(path)
            x = signal.to_numpy(np.float32).T / about.per_mv
            known = table.loc[path.stem] if path.stem in table.index else pd.Series(dtype=object)
            return [
                Record(
                    record=f"{path.stem}@{start:g}",
                    patient=f"{about.name}-{known.get('patient', path.stem)}",
                    source=str(path.relative_to(folder)),
                    rate=about.rate,
                    signal=window,
                    labels={task: float(known[task]) for task in tasks if pd.notna(known.get(task))},
                    report=str(known.get("report", "")),
                    fold=int(known["fold"]) if pd.notna(known.get("fold")) else None,
                )
                for start, window in windows(eight_leads(list(signal.columns), x), about.rate, rate, samples)
            ]

        return read

    files = sorted(path for path in folder.rglob("*.csv") if path != about.table)
    return Origin(about.name, about.licence, tuple(tasks), rate, samples), [
        Candidate(str(path.relative_to(folder)), reader(path)) for path in files
    ]
