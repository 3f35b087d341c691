"""Arrays with a table beside them: CODE-15's HDF5 (`tracings`, `exam_id`), EchoNext's npy, or anyone's.

An array does not say what its leads are: their order must be given, and is checked against how leads hang together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.errors import EcgclipError
from ecgclip.importers.label_table import read_labels
from ecgclip.importers.leads import eight_leads, windows

EMPTY_MV = 1e-9  # CODE-15 pads exams of 7 s with zeros on both sides


@dataclass(frozen=True)
class Arrays:
    """What an array does not say of itself."""

    name: str
    licence: str
    rate: float  # Hz
    leads: Sequence[str]  # in the order of the lead axis
    per_mv: float = 1.0  # of the array's unit
    table: Path | None = None  # CSV: record, and any of patient, fold, report; other columns are tasks


def arrays(files: Sequence[Path], about: Arrays, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate a row of each `.npy` [N, samples, leads] (a further axis of length 1 is dropped) or `.hdf5` file."""
    table = read_labels(about.table)
    candidates: list[Candidate] = []
    for path in files:
        signals, names = _open(path)

        def reader(
            row: int, name: str, signals: h5py.Dataset | npt.NDArray[np.floating] = signals, path: Path = path
        ) -> Callable[[], list[Record]]:
            def read() -> list[Record]:
                x = np.squeeze(np.asarray(signals[row], np.float32))
                x = x.T if x.shape[1] == len(about.leads) else x
                if x.shape[0] != len(about.leads):
                    raise ValueError(f"it is {x.shape}, and {len(about.leads)} leads were named")
                there = np.flatnonzero(abs(x).max(axis=0) > EMPTY_MV)
                if not there.size:
                    raise ValueError("all samples are zero")
                eight = eight_leads(about.leads, x[:, there[0] : there[-1] + 1] / about.per_mv)
                known = table.known(about.name, name)
                return [
                    Record(
                        record=f"{name}@{start:.10g}",
                        source=f"{path.name}, row {row}",
                        rate=about.rate,
                        signal=window,
                        **known,
                    )
                    for start, window in windows(eight, about.rate, rate, samples)
                ]

            return read

        candidates += [Candidate(f"{path.name}#{name}", reader(row, name)) for row, name in enumerate(names)]
    return Origin(about.name, about.licence, table.tasks, rate, samples), candidates


def _open(path: Path) -> tuple[h5py.Dataset | npt.NDArray[np.floating], list[str]]:
    """Signals, still on disk, and the name of each row."""
    try:
        if path.suffix == ".npy":
            signals = np.load(path, mmap_mode="r")
            return signals, [f"{path.stem}-{row}" for row in range(len(signals))]
        file = h5py.File(path)
        return file["tracings"], [str(name) for name in file["exam_id"][:]]
    except (OSError, KeyError, ValueError) as error:
        raise EcgclipError(f"{path} is neither npy nor an HDF5 file of tracings and exam_id: {error}.") from error
