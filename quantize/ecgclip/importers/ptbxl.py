"""PTB-XL (Wagner et al. 2020): a folder of WFDB records, and a table with patients, folds, reports and statements.

Either PTB-XL's own `ptbxl_database.csv` beside its `scp_statements.csv`, or a table whose statements are spread over
columns (`super_class:MI`, `sub_class:AMI`, `form:PVC`, `rhythm:AFIB`). What a reader did not state counts as absent:
masking it was no better on fold 9.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.errors import EcgclipError
from ecgclip.importers.leads import windows
from ecgclip.importers.wfdb_file import read_wfdb

GROUPS = ("super_class", "sub_class", "form", "rhythm")
LOW_RATE = 100  # Hz of PTB-XL's `_lr` records; `_hr` have 500
_RECORD = re.compile(r"(\d+)(?:_(lr|hr))?$")


def task_columns(table: pd.DataFrame) -> dict[str, str]:
    """Label column of each task id.

    The id is the statement's acronym. Where a super- and a sub-class share one, the super-class is NAME_SUPER; any
    other column of the same acronym repeats the first one (NST stands under diagnosis and under form) and is left
    out.
    """
    columns: dict[str, str] = {}
    for column in (c for group in reversed(GROUPS) for c in table.columns if c.startswith(f"{group}:")):
        group, name = column.split(":", 1)
        if name not in columns:
            columns[name] = column
        elif group == "super_class":
            columns[f"{name}_SUPER"] = column
        elif not (table[column] == table[columns[name]]).all():
            raise EcgclipError(f"Label columns {column} and {columns[name]} share a name and differ: rename one.")
    return columns


def spread_statements(table: pd.DataFrame, statements: pd.DataFrame) -> pd.DataFrame:
    """The table with one column a statement, from its `scp_codes` and the meaning of each code.

    A code stands for itself where it is about form or rhythm, and for its class and sub-class where it is a diagnosis;
    its likelihood is not looked at, as in the benchmark of Strodthoff et al. 2020.
    """
    columns: dict[str, list[str]] = {}
    for code, row in statements.iterrows():
        named = [("form", code, row.form), ("rhythm", code, row.rhythm)]
        named += [
            ("super_class", row.diagnostic_class, row.diagnostic),
            ("sub_class", row.diagnostic_subclass, row.diagnostic),
        ]
        columns[str(code)] = [f"{group}:{_acronym(str(name))}" for group, name, holds in named if holds == 1]
    found = [
        {column for code in ast.literal_eval(codes) for column in columns.get(code, [])} for codes in table.scp_codes
    ]
    spread = {column: [int(column in row) for row in found] for column in sorted(set().union(*columns.values()))}
    return pd.concat([table, pd.DataFrame(spread, index=table.index)], axis=1)


def _acronym(name: str) -> str:
    return name.strip("_")  # `STD_` and `_AVB` are spelt so in the statements only


def ptbxl(folder: Path, labels: Path, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """The records of the table."""
    table = pd.read_csv(labels)
    if not any(column.startswith(f"{GROUPS[0]}:") for column in table.columns):
        table = spread_statements(table, _statements(labels))
    columns = task_columns(table)
    wanted = "lr" if rate <= LOW_RATE else "hr"
    headers: dict[int, Path] = {}
    for path in sorted(folder.rglob("*.hea")):
        if (match := _RECORD.match(path.stem)) and (int(match[1]) not in headers or match[2] == wanted):
            headers[int(match[1])] = path

    def reader(row: pd.Series) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            if row.ecg_id not in headers:
                raise ValueError(f"not in {folder}")
            header = headers[row.ecg_id]
            signal, source_rate, _ = read_wfdb(header)
            ((_, window),) = windows(signal, source_rate, rate, samples)
            return [
                Record(
                    record=str(row.ecg_id),
                    patient=f"ptbxl-{row.patient_id:.0f}",
                    source=str(header.relative_to(folder)),
                    rate=source_rate,
                    signal=window,
                    labels={task: float(row[column]) for task, column in columns.items()},
                    report=row.report if isinstance(row.get("report"), str) else "",
                    fold=int(row.strat_fold),
                )
            ]

        return read

    return (
        Origin("PTB-XL", "CC BY 4.0", tuple(columns), rate, samples),
        [Candidate(str(row.ecg_id), reader(row)) for _, row in table.iterrows()],
    )


def _statements(labels: Path) -> pd.DataFrame:
    for path in (labels.with_name("scp_statements.csv"), labels.with_name("ptbxl_scp_statements.csv")):
        if path.is_file():
            return pd.read_csv(path, index_col=0)
    raise EcgclipError(f"{labels} has codes only: put PTB-XL's scp_statements.csv beside it.")
