"""The PhysioNet/CinC Challenges of 2015 (is a bedside alarm true?) and 2017 (is a hand-held record AF?)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.errors import EcgclipError
from ecgclip.importers.leads import windows
from ecgclip.importers.wfdb_file import read_wfdb

LICENCE = "ODC-By 1.0"

# As the headers of 2015 name them.
ALARMS = {
    "Ventricular_Tachycardia": "VT",
    "Tachycardia": "ETACHY",
    "Asystole": "ASYS",
    "Bradycardia": "EBRADY",
    "Ventricular_Flutter_Fib": "VF",
}
# What may well be there too when an alarm says one of them; anything else is taken as absent.
ALIKE = {"VT": {"VF", "ETACHY"}, "VF": {"VT", "ETACHY"}, "ETACHY": {"VT", "VF"}, "ASYS": {"EBRADY"}, "EBRADY": {"ASYS"}}
ALARM_S = 300.0  # into a record, or its end: some go on for half a minute
MINUTE_S = 60.0  # before the alarm; windows are named by their second of it
EVENT_STARTS_S = (46, 48, 50)  # the event is in the last ten seconds
CALM_STARTS_S = (30, 40)  # of a false alarm
HOP_S = 2

# By the letter of REFERENCE.csv: normal, atrial fibrillation, other rhythm, too noisy to be read.
LETTERS: dict[str, dict[str, float]] = {
    "N": {"AFIB": 0, "AFLT": 0, "SR": 1},
    "A": {"AFIB": 1, "SR": 0, "NORM": 0},
    "O": {"AFIB": 0},
    "~": {"AFIB": 0},
}


def challenge_2015(folder: Path, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate a header; the windows around the alarm, and calm ones where it was false."""

    def reader(header: Path) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            signal, source_rate, comments = read_wfdb(header)
            words = [comment.strip() for comment in comments]
            alarm = next((ALARMS[word] for word in words if word in ALARMS), None)
            if alarm is None or not {"True alarm", "False alarm"} & set(words):
                raise ValueError("its header names no alarm, or not whether it was true")
            true = "True alarm" in words
            labels = {task: 0.0 for task in ALARMS.values() if task not in ALIKE[alarm]} | {alarm: float(true)}
            end = min(signal.shape[1], round(ALARM_S * source_rate))
            minute = signal[:, max(0, end - round(MINUTE_S * source_rate)) : end]
            starts = EVENT_STARTS_S if true else EVENT_STARTS_S + CALM_STARTS_S
            return [
                Record(
                    f"{header.stem}@{start:.10g}", header.stem, f"{header.name}, {start:.10g} s of its last minute",
                    source_rate, window, labels,
                )
                for start, window in windows(minute, source_rate, rate, samples, HOP_S * rate)
                if start in starts
            ]  # fmt: skip

        return read

    return Origin("alarms2015", LICENCE, tuple(ALARMS.values()), rate, samples), [
        Candidate(header.stem, reader(header)) for header in sorted(folder.rglob("*.hea"))
    ]


def challenge_2017(folder: Path, reference: Path, rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate a header; `reference` is the challenge's table of record and letter, which has no heading."""
    try:
        letters = dict(pd.read_csv(reference, header=None, dtype=str).iloc[:, :2].itertuples(index=False, name=None))
    except (OSError, ValueError) as error:
        raise EcgclipError(f"Cannot read {reference}: {error}.") from error

    def reader(header: Path) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            if (letter := letters.get(header.stem)) not in LETTERS:
                raise ValueError(f"{reference.name} does not say N, A, O or ~ of it")
            signal, source_rate, _ = read_wfdb(header, {"ECG": "I"})
            return [
                Record(
                    f"{header.stem}@{start:.10g}", header.stem, f"{header.name}, {start:.10g} s", source_rate, window,
                    LETTERS[letter],
                )
                for start, window in windows(signal, source_rate, rate, samples)
            ]  # fmt: skip

        return read

    return Origin("af2017", LICENCE, ("AFIB", "AFLT", "SR", "NORM"), rate, samples), [
        Candidate(header.stem, reader(header)) for header in sorted(folder.rglob("*.hea"))
    ]
