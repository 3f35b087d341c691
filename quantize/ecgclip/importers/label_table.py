"""What people know of recordings, as a CSV table: a row a record, a column a task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ecgclip.errors import EcgclipError

ABOUT = ("record", "patient", "fold", "report")  # columns that are no tasks; all but the first may be left out


@dataclass(frozen=True)
class LabelTable:
    """`rows` by record."""

    rows: pd.DataFrame

    @property
    def tasks(self) -> tuple[str, ...]:
        """In the order of the columns."""
        return tuple(str(column) for column in self.rows.columns if column not in ABOUT)

    def known(self, collection: str, record: str) -> dict[str, Any]:
        """Patient, labels, report and fold of a `Record`; a cell that is empty, or not there, says nothing.

        A record of which no patient is named is a patient of its own.
        """
        row = self.rows.loc[record].dropna() if record in self.rows.index else pd.Series(dtype=object)
        return {
            "patient": f"{collection}-{row.get('patient', record)}",
            "labels": {task: float(row[task]) for task in self.tasks if task in row},
            "report": row.get("report", ""),
            "fold": int(row["fold"]) if "fold" in row else None,
        }


def read_labels(path: Path | None) -> LabelTable:
    """An empty table where there is no file."""
    if path is None:
        return LabelTable(pd.DataFrame())
    table = read_table(path, ["record"])
    if (twice := table.record.duplicated()).any():
        raise EcgclipError(f"{path}: record {table.record[twice].iloc[0]} is there twice: leave one row of it.")
    found = LabelTable(table.set_index("record"))
    for task in found.tasks:
        wrong = table[task].notna() & ~pd.to_numeric(table[task], errors="coerce").isin((0, 1))
        if wrong.any():
            raise EcgclipError(
                f"{path}: {task} is {table[task][wrong].iloc[0]} in a row, not 1, 0 or empty: leave out what is no task"
            )
    return found


def read_table(path: Path, needed: list[str]) -> pd.DataFrame:
    """A CSV file with at least these columns; names and words as they stand there."""
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(("record", "patient", "report"), str))
    except (OSError, ValueError) as error:
        raise EcgclipError(f"Cannot read {path}: {error}.") from error
    if missing := [column for column in needed if column not in table.columns]:
        raise EcgclipError(f"{path} has no column {', '.join(missing)}.")
    return table
