"""PhysioNet Challenges 2020 and 2021: WFDB headers whose comments hold SNOMED CT codes (`Dx: 164889003,59118001`)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from ecgclip.catalog import CATALOG
from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.importers.leads import windows
from ecgclip.importers.wfdb_file import read_wfdb

SNOMED = "http://snomed.info/sct"
# Codes that the challenge scores as one (Perez Alday et al. 2021): complete and plain right and left bundle branch
# block, premature atrial and supraventricular beats, the two codes of premature ventricular beats.
SAME = {"59118001": "713427006", "164909002": "733534002", "63593006": "284470004", "17338001": "427172004"}
_DX = re.compile(r"Dx:\s*([\d,\s]+)", re.IGNORECASE)


def snomed_tasks() -> dict[str, str]:
    """Code -> task of the catalog's 45 diagnoses; of PTB-XL's other statements a list of codes does not say absence."""
    return {
        code["code"]: task["id"]
        for task in json.loads((CATALOG / "tasks.json").read_text())["tasks"]
        for code in task["codes"]
        if code["system"] == SNOMED
    }


def challenge(folder: Path, rate: int, samples: int, name: str) -> tuple[Origin, list[Candidate]]:
    """A candidate a header; a code that is not in a record's list counts as absent, as the challenge scores it."""
    tasks = snomed_tasks()

    def reader(header: Path) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            signal, source_rate, comments = read_wfdb(header)
            found = [match for comment in comments if (match := _DX.search(comment))]
            if not found:
                raise ValueError("its header has no Dx line")
            codes = {SAME.get(code.strip(), code.strip()) for code in found[0][1].split(",")}
            labels = {task: float(code in codes) for code, task in tasks.items()}
            return [
                Record(f"{header.stem}@{start:.10g}", f"{name}-{header.stem}", str(header), source_rate, window, labels)
                for start, window in windows(signal, source_rate, rate, samples)
            ]

        return read

    return Origin(name, "CC BY 4.0", tuple(tasks.values()), rate, samples), [
        Candidate(str(header.relative_to(folder)), reader(header)) for header in sorted(folder.rglob("*.hea"))
    ]
