"""The PhysioNet/CinC Challenge 2011: is a ten-second ECG good enough to be read? People's verdicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.errors import EcgclipError
from ecgclip.importers.leads import windows
from ecgclip.importers.wfdb_file import read_wfdb

TASK = "UNACCEPTABLE"
LISTS = {"RECORDS-acceptable": 0.0, "RECORDS-unacceptable": 1.0}


def challenge_2011(folder: Path, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate a header; those in neither of the challenge's two lists are rejected."""
    verdicts: dict[str, float] = {}
    for name, value in LISTS.items():
        try:
            verdicts |= dict.fromkeys((folder / name).read_text().split(), value)
        except OSError as error:
            raise EcgclipError(f"Cannot read {folder / name}, the challenge's list: {error}.") from error

    def reader(header: Path) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            if header.stem not in verdicts:
                raise ValueError(f"neither {' nor '.join(LISTS)} names it")
            signal, source_rate, _ = read_wfdb(header)
            return [
                Record(
                    header.stem, header.stem, header.name, source_rate, window, {TASK: verdicts[header.stem]}
                )
                for _, window in windows(signal, source_rate, rate, samples)[:1]
            ]  # fmt: skip

        return read

    return Origin("quality2011", "ODC-By 1.0", (TASK,), rate, samples), [
        Candidate(header.stem, reader(header)) for header in sorted(folder.rglob("*.hea"))
    ]
