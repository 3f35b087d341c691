"""The two PhysioNet/CinC Challenges that say what a network knows of rhythms from one or two leads, scored as they do.

2015: is a bedside monitor's alarm true? 2017: is a hand-held record atrial fibrillation?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ecgclip.judging.calibrate import OperatingPoint, reached
from ecgclip.judging.judged import Judged
from ecgclip.metrics import Array

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


def rhythm_report(judged: Mapping[str, Judged], points: Mapping[str, OperatingPoint]) -> dict[str, object]:
    """Both scores as plain data, where those sets are there; each task by the windows that it is judged by."""
    joint = next(iter(judged.values())).joint
    names = [settings.name for settings in joint.sets]
    report: dict[str, object] = {}
    if "alarms2015" in names and (counts := alarm_counts(judged, points)):
        whole = total(list(counts.values()))
        report["alarms2015"] = {task: asdict(each) for task, each in counts.items()}
        report |= {"challenge2015": whole.challenge_2015, "crossed2015": any(judged[task].crossed for task in counts)}
    if "af2017" in names and "AFIB" in judged and _by_record(judged["AFIB"], "af2017"):
        af = points["AFIB"]
        mean = af_counts(judged["AFIB"], af, lambda p: float(p.mean()))
        report |= {"af2017": asdict(mean), "af2017F1": mean.f1}
        if alert := af.alert:
            told = af_counts(judged["AFIB"], af, lambda p: reached(p, alert.need, alert.of))
            report |= {"af2017Alerts": asdict(told), "af2017AlertsF1": told.f1}
    return report


def count(truth: Sequence[bool], said: Sequence[bool]) -> Counts:
    """Four cells."""
    pairs = list(zip(truth, said, strict=True))
    return Counts(*(pairs.count(cell) for cell in ((True, True), (False, True), (True, False), (False, False))))


def alarm_counts(judged: Mapping[str, Judged], points: Mapping[str, OperatingPoint]) -> dict[str, Counts]:
    """By kind of alarm: an alarm is called true when its task exceeds its threshold in any of the last windows."""
    found = {}
    for kind, task in ALARMS.items():
        if task not in judged:
            continue
        each, k = judged[task], judged[task].joint.tasks.index(task)
        pairs = []
        for record, here in _by_record(each, "alarms2015").items():
            last = [i for i in here if _start(each, i) >= LAST_S and np.isfinite(each.truth[i, k])]
            if record[0].lower() == kind and last:
                p = points[task].platt(each.logits[last, k])
                pairs.append((bool(each.truth[last[0], k]), bool((p >= points[task].threshold.value).any())))
        if pairs:
            found[task] = count(*zip(*pairs, strict=True))
    return found


def af_counts(judged: Judged, point: OperatingPoint, level: Callable[[Array], float]) -> Counts:
    """A record is called atrial fibrillation when the `level` of its windows' probabilities reaches the threshold."""
    k = judged.joint.tasks.index("AFIB")
    records = list(_by_record(judged, "af2017").values())
    return count(
        [bool(judged.truth[here[0], k]) for here in records],
        [level(point.platt(judged.logits[here, k])) >= point.threshold.value for here in records],
    )


def total(parts: Sequence[Counts]) -> Counts:
    """Sum."""
    return Counts(
        sum(c.true_positive for c in parts),
        sum(c.false_positive for c in parts),
        sum(c.false_negative for c in parts),
        sum(c.true_negative for c in parts),
    )


def _by_record(judged: Judged, name: str) -> dict[str, list[int]]:
    """Patient (in both sets a record) of a set -> positions among the rows that are judged."""
    found: dict[str, list[int]] = {}
    kinds = judged.joint.set_of(judged.rows)
    for i, (patient, k) in enumerate(zip(judged.patients, kinds, strict=True)):
        if judged.joint.sets[k].name == name:
            found.setdefault(str(patient).split("-")[-1], []).append(i)
    return found


def _start(judged: Judged, i: int) -> float:
    """Seconds into the recording, from the window's name."""
    return float(judged.joint.names(judged.rows[i : i + 1])[0].rsplit("@", 1)[1])
