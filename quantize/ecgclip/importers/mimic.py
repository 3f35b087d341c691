"""MIMIC-IV-ECG: `record_list.csv` (who and where) and `machine_measurements.csv` (`report_0` … `report_17`).

Its files stand in the order I II III aVR aVF aVL. Leads are found by their names, so that is of no consequence here;
arrays made from it without names are the trap, and `importers.arrays` refuses them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.errors import EcgclipError
from ecgclip.importers.leads import windows
from ecgclip.importers.wfdb_file import read_wfdb

FEWEST_WORDS = 4  # of a report; fewer say nothing (Liu et al. 2024)


def mimic(folder: Path, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """Recordings with their machine reports; no labels."""
    try:
        listed = pd.read_csv(folder / "record_list.csv")
        measured = pd.read_csv(folder / "machine_measurements.csv", low_memory=False)
    except OSError as error:
        raise EcgclipError(f"{folder} is no copy of MIMIC-IV-ECG: {error}.") from error
    columns = [column for column in measured.columns if re.fullmatch(r"report_\d+", column)]
    reports = {study: _report(texts) for study, *texts in measured[["study_id", *columns]].itertuples(index=False)}

    def reader(study: int, subject: int, path: str) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            signal, source_rate, _ = read_wfdb(folder / f"{path}.hea")
            ((_, window),) = windows(signal, source_rate, rate, samples)
            report = reports.get(study, "")
            return [Record(str(study), f"mimic-{subject}", path, source_rate, window, report=report)]

        return read

    return Origin("MIMIC-IV-ECG", "ODbL 1.0", (), rate, samples), [
        Candidate(str(row.study_id), reader(row.study_id, row.subject_id, row.path)) for row in listed.itertuples()
    ]


def _report(texts: list[object]) -> str:
    """Statements joined as MERL joins them; empty where there is next to nothing."""
    joined = ". ".join(text.strip(" .*") for text in texts if isinstance(text, str))
    return joined.replace("EKG", "ECG") if len(joined.split()) >= FEWEST_WORDS else ""
