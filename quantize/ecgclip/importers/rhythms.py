"""Long two-lead recordings with PhysioNet's `atr` annotations of rhythms and beats: MIT-BIH Arrhythmia (Moody and Mark
2001) and Malignant Ventricular Ectopy (Greenwald 1986), each in a folder of its own below the one that is given.

A window has a rhythm when enough of it does, has it not when none of it does, and is unknown between. Rates are those
of the PhysioNet/CinC Challenge of 2015: seventeen beats above 140/min, five below 40/min.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import wfdb

from ecgclip.data.records import Candidate, Origin, Record
from ecgclip.importers.leads import windows
from ecgclip.importers.wfdb_file import read_wfdb

HOP_S = 5
SAME_PERSON = {"mitdb-202": "mitdb-201"}  # 48 records of 47 people, by the database's own directory
END = b"\0\0"  # of a file of annotations
BEATS = tuple("NLRBAaJSVrFejnE/fQ?!")  # codes of QRS complexes and flutter waves in PhysioNet's annotations
TASKS = ("VT", "VF", "ASYS", "AFIB", "AFLT", "SR", "PVC", "PACE", "ETACHY", "EBRADY")
RHYTHMS = {"VT": ("VT",), "VF": ("VF", "VFIB", "VFL"), "ASYS": ("ASYS",), "AFIB": ("AFIB",), "AFLT": ("AFL",)}
ENOUGH_S = {"VT": 2, "VF": 3, "ASYS": 4, "AFIB": 5, "AFLT": 5}  # of a window
SINUS = ("N", "NSR")
PACED = ("P", "PM")
NOISE = ("NOISE",)
# Rhythms that a pacemaker may be part of, or that say nothing of one.
OTHER = ("SVTA", "IVR", "NOD", "BI", "VER", "HGEA", "B", "T", "AB", "PREX", "SBR")
MOST_S = 5  # at least half a window
ROUNDING_S = 0.1


@dataclass(frozen=True)
class Annotations:
    """Of one recording, in seconds."""

    rhythms: npt.NDArray[np.str_]
    starts: npt.NDArray[np.float64]  # of each rhythm, which lasts until the next
    end: float  # of the recording
    beats: npt.NDArray[np.float64]  # empty where nobody marked beats
    ventricular: npt.NDArray[np.bool_]  # of each beat

    def covered(self, names: tuple[str, ...], start: float, end: float) -> float:
        """Seconds of the window with any of these rhythms."""
        ends = np.append(self.starts[1:], self.end)
        lasting = np.minimum(ends, end) - np.maximum(self.starts, start)
        return float(lasting[np.isin(self.rhythms, names)].clip(min=0).sum())


def rhythms(folder: Path, rename: Mapping[str, str], rate: int, samples: int) -> tuple[Origin, list[Candidate]]:
    """A candidate for each header below the folder; `rename` as of `read_wfdb`."""

    def reader(header: Path, name: str) -> Callable[[], list[Record]]:
        def read() -> list[Record]:
            signal, source_rate, _ = read_wfdb(header, rename)
            annotations = read_annotations(header, source_rate, signal.shape[1])
            return [
                Record(
                    record=f"{name}@{start:.10g}",
                    patient=SAME_PERSON.get(name, name),
                    source=f"{header.relative_to(folder)}, {start:.10g} s",
                    rate=source_rate,
                    signal=window,
                    labels=window_labels(annotations, start, start + samples / rate),
                )
                for start, window in windows(signal, source_rate, rate, samples, HOP_S * rate)
            ]

        return read

    return Origin("rhythms", "ODC-By 1.0", TASKS, rate, samples), [
        Candidate(name, reader(header, name))
        for header in sorted(folder.rglob("*.hea"))
        for name in ["-".join(header.relative_to(folder).with_suffix("").parts)]
    ]


def read_annotations(header: Path, rate: float, samples: int) -> Annotations:
    """Of the `.atr` beside a header, which must be whole: where one breaks off there seem to be no beats."""
    file = header.with_suffix(".atr")
    if not file.read_bytes().endswith(END):
        raise ValueError(f"{file.name} breaks off: copy it again")
    try:
        found = wfdb.rdann(str(header.with_suffix("")), "atr")
    except IndexError as error:
        raise ValueError(f"{file.name} is damaged: {error}") from error
    symbols, at = np.array(found.symbol, str), found.sample / rate
    notes = np.array([note.strip("\0 (") for note in found.aux_note], str)
    change = (symbols == "+") & (notes != "")
    beat = np.isin(symbols, BEATS)
    return Annotations(notes[change], at[change], samples / rate, at[beat], symbols[beat] == "V")


def window_labels(of: Annotations, start: float, end: float) -> dict[str, float]:
    """What is known of a window."""
    seconds = {task: of.covered(names, start, end) for task, names in RHYTHMS.items()}
    noise = of.covered(NOISE, start, end) > 0
    labels = {task: 1.0 for task, s in seconds.items() if s >= ENOUGH_S[task]}
    # Noise may hide a ventricular rhythm, but not make a whole stretch of fibrillating atria look like anything else.
    labels |= {task: 0.0 for task, s in seconds.items() if s == 0 and (not noise or task in ("AFIB", "AFLT"))}
    if of.covered(SINUS, start, end) >= end - start - ROUNDING_S:
        labels["SR"] = 1.0
    elif seconds["AFIB"] == end - start:
        labels["SR"] = 0.0
    if of.covered(PACED, start, end) > MOST_S:
        labels["PACE"] = 1.0
    elif of.covered(NOISE + PACED + OTHER, start, end) == 0:
        labels["PACE"] = 0.0
    if len(of.beats):
        labels |= _beat_labels(of, start, end)
    if seconds["VF"] >= ENOUGH_S["VF"]:
        labels["EBRADY"] = 0.0
    if seconds["ASYS"] >= ENOUGH_S["ASYS"]:
        labels |= {"ETACHY": 0.0, "SR": 0.0}
    if (ventricular := seconds["VT"] + seconds["VF"]) > 0:
        labels["SR"] = 0.0 if ventricular >= MOST_S else labels.get("SR", 0.0)
        labels.pop("ETACHY", None)  # fast, but of a kind with a name of its own
    return labels


def _beat_labels(of: Annotations, start: float, end: float) -> dict[str, float]:
    here = (of.beats >= start) & (of.beats < end)
    beats = of.beats[here]

    def spans(intervals: int) -> npt.NDArray[np.float64]:
        return beats[intervals:] - beats[:-intervals]

    fast = len(beats) > 16 and 60 * 16 / spans(16).min() > 140
    slow = len(beats) < 5 or 60 * 4 / spans(4).max() < 40
    return {"PVC": float(of.ventricular[here].any()), "ETACHY": float(fast), "EBRADY": float(slow)}
