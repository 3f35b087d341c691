"""The two PhysioNet/CinC Challenges that say what a network knows of rhythms from one or two leads, scored as they do.

2015: is a bedside monitor's alarm true? 2017: is a hand-held record atrial fibrillation?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecgclip.joint import Joint, Rows

Array = npt.NDArray[np.floating]

# The first letter of a record's name in the challenge of 2015 is the kind of its alarm.
ALARMS = {"a": "ASYS", "b": "EBRADY", "t": "ETACHY", "f": "VF", "v": "VT"}
LAST_S = 45.0  # windows that begin no earlier (of 60 s before the alarm) decide; the event is in the last ten seconds


@dataclass(frozen=True)
class Counts:
    """Decisions about records."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def challenge_2015(self) -> float:
        """Percent: a suppressed true alarm counts as five false ones."""
        right = self.true_positive + self.true_negative
        return 100 * right / (right + self.false_positive + 5 * self.false_negative)

    @property
    def f1(self) -> float:
        """Of the positive class."""
        return 2 * self.true_positive / max(2 * self.true_positive + self.false_positive + self.false_negative, 1)


def count(truth: Sequence[bool], said: Sequence[bool]) -> Counts:
    """Four cells."""
    pairs = list(zip(truth, said, strict=True))
    return Counts(*(pairs.count(cell) for cell in ((True, True), (False, True), (True, False), (False, False))))


def alarm_counts(joint: Joint, rows: Rows, p: Array, thresholds: Mapping[str, float]) -> dict[str, Counts]:
    """By kind of alarm: an alarm is called true when its task exceeds its threshold in any of the last windows."""
    found: dict[str, list[tuple[bool, bool]]] = {task: [] for task in ALARMS.values()}
    for record, here in _by_record(joint, rows).items():
        task = ALARMS[record[0].lower()]
        if task not in joint.tasks:
            continue
        k = joint.tasks.index(task)
        last = [i for i in here if _start(joint, rows[i]) >= LAST_S and np.isfinite(joint.labels[rows[i], k])]
        if last:
            found[task].append((bool(joint.labels[rows[last[0]], k]), bool((p[last, k] >= thresholds[task]).any())))
    return {task: count(*zip(*pairs, strict=True)) for task, pairs in found.items() if pairs}


def af_counts(joint: Joint, rows: Rows, p: Array, said: Callable[[Array], bool]) -> Counts:
    """Records in atrial fibrillation, and those that `said` calls so by the probabilities of their windows."""
    k = joint.tasks.index("AFIB")
    records = list(_by_record(joint, rows).values())
    return count(
        [bool(joint.labels[rows[here[0]], k]) for here in records],
        [said(p[here, k]) for here in records],
    )


def total(parts: Sequence[Counts]) -> Counts:
    """Sum."""
    return Counts(
        sum(c.true_positive for c in parts),
        sum(c.false_positive for c in parts),
        sum(c.false_negative for c in parts),
        sum(c.true_negative for c in parts),
    )


def _by_record(joint: Joint, rows: Rows) -> dict[str, list[int]]:
    """Patient (in both sets a record) -> positions in `rows`."""
    found: dict[str, list[int]] = {}
    for i, patient in enumerate(joint.patients(rows)):
        found.setdefault(patient.split("-")[-1], []).append(i)
    return found


def _start(joint: Joint, row: np.int64) -> float:
    """Seconds into the recording, from the window's name."""
    k = int(joint.set_of(np.array([row]))[0])
    return float(joint.records[k].table.record.iloc[row - joint.first[k]].rsplit("@", 1)[1])
