"""PTB-XL as its users have it: a folder of WFDB records and a table of labels, one row a record."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import wfdb
from tqdm import tqdm

from ecgclip.config import DataRecipe, ModelRecipe, Recipe
from ecgclip.errors import EcgclipError
from ecgclip.leads import LEADS

FOLDER_VARIABLE = "ECGCLIP_DATA"
LABELS_VARIABLE = "ECGCLIP_LABELS"
GROUPS = ("super_class", "sub_class", "form", "rhythm")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Dataset:
    """Records in the order of the label table."""

    ids: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]
    signals: Floats  # [N, 12, samples] mV, leads in the order of LEADS
    labels: Floats  # [N, tasks] 0 or 1; what a reader did not state counts as 0 (masking it was no better on fold 9)
    tasks: tuple[str, ...]
    rejected: tuple[str, ...]  # "<record>: <why>"

    def take(self, where: npt.NDArray[np.bool_]) -> Dataset:
        """The records where `where` holds."""
        return Dataset(
            self.ids[where],
            self.folds[where],
            self.signals[where],
            self.labels[where],
            self.tasks,
            self.rejected,
        )

    def split(self, recipe: DataRecipe) -> tuple[Dataset, Dataset]:
        """Training and validation records; a patient is in one fold only (Wagner et al. 2020)."""
        return (
            self.take(np.isin(self.folds, recipe.training_folds)),
            self.take(np.isin(self.folds, recipe.validation_folds)),
        )


def locate(folder: Path | None, labels: Path | None) -> tuple[Path, Path]:
    """Find the data: the options if given, else the environment; the table may lie in or beside the folder."""
    folder = folder or (Path(value) if (value := os.environ.get(FOLDER_VARIABLE)) else None)
    if folder is None or not folder.is_dir():
        raise EcgclipError(f"No folder of WFDB records at {folder}: give --data or set {FOLDER_VARIABLE}.")
    labels = labels or (Path(value) if (value := os.environ.get(LABELS_VARIABLE)) else None)
    for table in [labels] if labels else [folder / "ptbxl_labels.csv", folder.parent / "ptbxl_labels.csv"]:
        if table.is_file():
            return folder, table
    raise EcgclipError(f"No label table for {folder}: give --labels or set {LABELS_VARIABLE}.")


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


def load(folder: Path, labels: Path, recipe: Recipe, *, progress: bool = True) -> Dataset:
    """Read every record of the recipe's folds that is in the table; what cannot be read is listed with its reason."""
    table = pd.read_csv(labels)
    settings = recipe.data
    table = table[table.strat_fold.isin(settings.training_folds + settings.validation_folds)].reset_index(drop=True)
    columns = task_columns(table)
    training = table.strat_fold.isin(settings.training_folds)
    tasks = [task for task, column in columns.items() if table[column][training].sum() >= settings.minimum_positives]

    headers = {int(match[1]): path for path in sorted(folder.rglob("*.hea")) if (match := _RECORD.match(path.stem))}
    signals, rows, rejected = [], [], []
    for row, record in enumerate(tqdm(table.ecg_id.tolist(), desc="reading", unit="record", disable=not progress)):
        try:
            signals.append(read_record(headers[record], recipe.model))
            rows.append(row)
        except KeyError:
            rejected.append(f"{record}: not in {folder}")
        except (OSError, ValueError) as error:
            rejected.append(f"{record}: {error}")
    if not rows:
        raise EcgclipError(f"None of the {len(table)} records of {labels} could be read from {folder}.")
    table = table.iloc[rows]
    return Dataset(
        ids=table.ecg_id.to_numpy(np.int64),
        folds=table.strat_fold.to_numpy(np.int64),
        signals=np.stack(signals),
        labels=table[[columns[task] for task in tasks]].to_numpy(np.float32),
        tasks=tuple(tasks),
        rejected=tuple(rejected),
    )


# 00001 or 00001_lr; PTB-XL's 500-Hz twins (00001_hr) are not what a 100-Hz network reads.
_RECORD = re.compile(r"(\d+)(?:_lr)?$")


def read_record(header: Path, wanted: ModelRecipe) -> Floats:
    """One record in millivolts, [12, samples], leads sorted into the standard order."""
    record = wfdb.rdrecord(str(header.with_suffix("")))
    if (record.fs, record.sig_len) != (wanted.rate, wanted.samples):
        raise ValueError(f"{record.sig_len} samples at {record.fs:g} Hz, not {wanted.samples} at {wanted.rate}")
    if sorted(record.units) != ["mV"] * len(LEADS):
        raise ValueError(f"units are {record.units}, not 12 x mV")
    names = [name.upper() for name in record.sig_name]
    try:
        order = [names.index(lead.upper()) for lead in LEADS]
    except ValueError as error:
        raise ValueError(f"leads are {record.sig_name}") from error
    signal = np.ascontiguousarray(record.p_signal.T[order], dtype=np.float32)
    if not np.isfinite(signal).all():
        raise ValueError("samples are missing")
    return signal
