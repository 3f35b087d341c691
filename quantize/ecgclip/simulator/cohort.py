"""Many patients: who has what, the recording, the report, and the labels of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import wfdb
from scipy.signal import resample_poly

from ecgclip.data.records import Candidate, Origin, Record, Records, write_records
from ecgclip.errors import EcgclipError
from ecgclip.simulator import conditions
from ecgclip.simulator.heart import Generator, Heart, normal_heart
from ecgclip.simulator.reports import Finding, write_report
from ecgclip.simulator.rhythms import RHYTHMS, SINUS, Array, Timeline, add_ectopy
from ecgclip.simulator.signal import draw_electrodes, lead_signals

TASKS = (
    "NORM", *RHYTHMS, "PAC", "PVC", "1AVB", *conditions.CONDUCTION, *conditions.CHAMBERS, "STEMI",
    "AMI", "IMI", "LMI", "PMI", "ISC", *conditions.REPOLARISATION, "INVT",
)  # fmt: skip
NARROW = ("SR", "SARRH", "STACH", "SBRAD", "AFIB", "AFLT", "SVTAC", "JUNC", "2AVB")  # what a conducted beat can show in
BATCH = 100  # records a candidate: a stopped run loses no more


def draw(rng: Generator, seconds: float, target: str | None = None) -> tuple[Timeline, dict[str, float], str]:
    """A timeline, its labels and its report; `target` is then among the labels.

    Without a target a third are normal; the others have a rhythm, and zero to three findings besides.
    """
    age = float(rng.uniform(18, 95))
    heart = normal_heart(rng, age)
    found = _diagnoses(rng, target)
    findings = [Finding(found[0])]
    for key in found[1:]:
        findings += _change(heart, key, rng)
    timeline = RHYTHMS[found[0]](heart, rng, seconds)
    for key in found[1:]:
        if key in ("PAC", "PVC"):
            add_ectopy(timeline, heart, rng, key)
    labels = dict.fromkeys(TASKS, 0.0) | {found[0]: 1.0}
    for finding in findings[1:]:
        task = _infarcted(finding.wall) if finding.key == "MI" else finding.key
        labels |= {task: 1.0} if task in labels else {}
        if finding.key == "STEMI":
            labels[_infarcted(finding.wall)] = 1.0
    axis = _axis(heart)
    normal = found[0] in SINUS and len(found) == 1 and -45 < axis < 110
    labels["NORM"] = float(normal)
    return timeline, labels, write_report(findings, timeline.rate, axis, normal=normal, rng=rng)


def _diagnoses(rng: Generator, target: str | None) -> list[str]:
    """The rhythm, then the findings."""
    if target in RHYTHMS:
        rhythm = target
    else:
        rhythm = str(rng.choice(NARROW, p=[0.58, 0.08, 0.08, 0.08, 0.12, 0.02, 0.01, 0.01, 0.02]))
    if target == "NORM" or (target in SINUS and rng.random() < 0.4):
        return [str(rng.choice(SINUS[:2])) if target == "NORM" else rhythm]
    found = [] if target is None or target in RHYTHMS else [target]
    if rhythm not in NARROW:
        return [rhythm]
    if target in ("1AVB", "LAO/LAE", "RAO/RAE", "WPW", "PAC"):
        rhythm = str(rng.choice(SINUS))
    sinus = rhythm in SINUS
    for group, share in (
        (tuple(conditions.CONDUCTION), 0.25),
        (tuple(conditions.CHAMBERS), 0.25),
        (("AMI", "IMI", "LMI", "PMI", "STEMI", "ISC", "INVT", "FLAT", "FLAT", *conditions.REPOLARISATION), 0.35),
        (("PVC", "PVC", "PAC") if sinus else ("PVC",), 0.2),
        (("1AVB",) if sinus else (), 0.07),
    ):
        if group and not set(found) & set(group) and rng.random() < share:
            key = str(rng.choice(group))
            if sinus or key not in ("LAO/LAE", "RAO/RAE", "WPW"):
                found.append(key)
    if "WPW" in found:  # hides or contradicts most of the others
        found = (
            [key for key in found if key in ("WPW", "PVC", "PAC")]
            if target == "WPW"
            else [key for key in found if key != "WPW"]
        )
    return [rhythm, *found]


def _change(heart: Heart, key: str, rng: Generator) -> list[Finding]:
    """Change the heart; what a reader would see of it."""
    simple = conditions.CONDUCTION | conditions.CHAMBERS | conditions.REPOLARISATION
    if key in simple:
        simple[key](heart, rng)
        return [Finding(key)]
    if key == "1AVB":
        conditions.long_pr(heart, rng)
    elif key == "FLAT":
        conditions.flat_t_waves(heart, rng)
    elif key in ("ISC", "INVT", "STEMI"):
        wall = conditions.WALLS[int(rng.integers(len(conditions.WALLS) - (key != "STEMI")))]
        if key == "STEMI":
            conditions.infarction(heart, rng, wall, acute=True)
        else:
            {"ISC": conditions.ischaemia, "INVT": conditions.inverted_t_waves}[key](heart, rng, wall)
        return [Finding(key, wall.name)]
    elif key in ("AMI", "IMI", "LMI", "PMI"):
        walls = [wall for wall in conditions.WALLS if wall.task == key]
        wall = walls[int(rng.integers(len(walls)))]
        conditions.infarction(heart, rng, wall)
        return [Finding("MI", wall.name)]
    return [Finding(key)]


def _infarcted(name: str) -> str:
    return next(str(wall.task) for wall in conditions.WALLS if wall.name == name)


def _axis(heart: Heart) -> float:
    """Frontal axis of the QRS area, degrees."""
    x, y = (sum(pulse.vector[k] * pulse.width for pulse in heart.qrs) for k in (0, 1))
    return math.degrees(math.atan2(y, x))


def simulate_cohort(
    folder: Path, count: int, rate: int, samples: int, seed: int, motion: Path | None = None, *, progress: bool = True
) -> Records:
    """A folder of records: half drawn as patients come, half so that each diagnosis is there equally often.

    `motion`: a WFDB record of electrode-motion noise (any two leads), to be added here and there.
    """
    noise = read_motion(motion, rate) if motion else np.zeros((0, 0))
    seconds = samples / rate
    if motion and noise.shape[1] <= samples:
        raise EcgclipError(f"{motion} lasts {noise.shape[1] / rate:g} s: its noise must last longer than a recording.")

    def reader(first: int) -> Callable[[], Sequence[Record]]:
        def read() -> list[Record]:
            return [_record(k, seconds, rate, seed, noise) for k in range(first, min(first + BATCH, count))]

        return read

    origin = Origin("simulated", "Apache-2.0", TASKS, rate, samples)
    candidates = [Candidate(f"{first:07d}", reader(first)) for first in range(0, count, BATCH)]
    settings = {"count": str(count), "seed": str(seed), "motion": str(motion)}
    return write_records(folder, origin, candidates, settings, progress=progress)


def _record(k: int, seconds: float, rate: int, seed: int, motion: Array) -> Record:
    rng = np.random.default_rng([seed, k])
    target = TASKS[k // 2 % len(TASKS)] if k % 2 else None
    timeline, labels, report = draw(rng, seconds, target)
    signal = lead_signals(timeline, rate, draw_electrodes(rng), rng, motion)
    name = f"{k:07d}"
    return Record(name, name, f"seed {seed}", rate, signal.astype(np.float32), labels, report)


def read_motion(header: Path, rate: int) -> Array:
    """Electrode-motion noise, [channels, n] at `rate`, mV; whatever its channels are called."""
    try:
        record = wfdb.rdrecord(str(header.with_suffix("")))
    except OSError as error:
        raise EcgclipError(f"Cannot read the electrode-motion noise {header}: {error}.") from error
    up, down = Fraction(rate / record.fs).limit_denominator(1000).as_integer_ratio()
    return np.asarray(resample_poly(np.nan_to_num(record.p_signal.T), up, down, axis=1, padtype="edge"))
