"""Scores of the challenges of 2015 and 2017, by hand-made decisions."""

import dataclasses

import numpy as np
import pytest

from ecgclip.data.joint import open_joint
from ecgclip.data.records import Candidate, Origin, Record, write_records
from ecgclip.judging.calibrate import Alert, OperatingPoint, Platt, Threshold
from ecgclip.judging.judged import Judged
from ecgclip.judging.rhythm_scores import Counts, af_counts, alarm_counts, count, rhythm_report, total


def test_a_missed_alarm_counts_five_times():
    assert Counts(10, 2, 1, 7).challenge_2015 == pytest.approx(100 * 17 / (17 + 2 + 5))
    assert Counts(5, 0, 0, 5).challenge_2015 == 100
    assert Counts(2, 1, 1, 6).f1 == pytest.approx(2 / 3)


def test_cells_are_counted_and_summed():
    cells = count([True, True, False, False], [True, False, True, False])
    assert cells == Counts(1, 1, 1, 1)
    assert total([cells, Counts(2, 0, 0, 3)]) == Counts(3, 1, 1, 4)


@pytest.fixture
def world(tiny, tmp_path):
    """Alarms `v1` (true) and `a2` (false), with windows early and late; `A1` fibrillates and `A2` does not."""
    signal = np.zeros((8, 1000), np.float32)
    signal[:, ::100] = 1

    def candidate(name, start, labels, fold):
        return Candidate(
            f"{name}@{start}", lambda: [Record(f"{name}@{start}", name, name, 100, signal, labels, fold=fold)]
        )

    origin = Origin("x", "none", ("VT", "ASYS"), 100, 1000)
    alarms = [candidate("v1", s, {"VT": 1.0}, 9) for s in (30, 46, 50)]
    alarms += [candidate("a2", s, {"ASYS": 0.0, "VT": 0.0}, 9) for s in (46, 50)]
    alarms += [
        candidate(f"{kind}{k}", 50, {task: 1.0}, 1) for kind, task in (("v", "VT"), ("a", "ASYS")) for k in range(5, 9)
    ]
    write_records(tmp_path / "alarms2015", origin, alarms, progress=False)
    origin = Origin("y", "none", ("AFIB",), 100, 1000)
    af = [candidate(name, s, {"AFIB": value}, 9) for name, value in (("A1", 1.0), ("A2", 0.0)) for s in (0, 10)]
    af += [candidate(f"A{k}", 0, {"AFIB": 1.0}, 1) for k in range(3, 8)]
    write_records(tmp_path / "af2017", origin, af, progress=False)
    sets = tuple(
        dataclasses.replace(tiny.sets[1], name=name, absent=(), training_folds=(1,), validation_folds=(9,))
        for name in ("alarms2015", "af2017")
    )
    return open_joint(tmp_path, dataclasses.replace(tiny, sets=sets))


@pytest.mark.parametrize("only_trained", ["alarms2015", "af2017"])
def test_a_challenge_that_nothing_is_measured_by_has_no_score(tiny, world, tmp_path, only_trained):
    sets = tuple(
        dataclasses.replace(each, validation_folds=() if each.name == only_trained else (9,)) for each in world.sets
    )
    joint = open_joint(tmp_path, dataclasses.replace(tiny, sets=sets))
    p = np.full((joint.validation.sum(), len(joint.tasks)), 0.5)
    report = rhythm_report(dict.fromkeys(joint.tasks, judged(joint, p)), dict.fromkeys(joint.tasks, point(0.15)))
    assert ("challenge2015" in report, "af2017F1" in report) == (only_trained == "af2017", only_trained == "alarms2015")


def judged(world, p):
    rows = world.rows(world.validation)
    logits = np.log(p / (1 - p))
    return Judged(world, rows, logits)


def point(threshold):
    return OperatingPoint(Platt(1.0, 0.0), Threshold(threshold, ""), Alert("prompt", 2, 3, 0.1))


def test_the_last_windows_decide_about_an_alarm_by_the_task_of_its_kind(world):
    rows = world.rows(world.validation)
    p = np.full((len(rows), len(world.tasks)), 0.01)
    vt, asys = (world.tasks.index(task) for task in ("VT", "ASYS"))
    p[0, vt] = 0.9  # too early
    p[3, vt] = 0.9  # not what the alarm is about
    points = {"VT": point(0.5), "ASYS": point(0.5)}

    def counts():
        return alarm_counts(dict.fromkeys(("VT", "ASYS"), judged(world, p)), points)

    assert counts() == {"VT": Counts(0, 0, 1, 0), "ASYS": Counts(0, 0, 0, 1)}
    p[2, vt], p[4, asys] = 0.6, 0.6
    assert counts() == {"VT": Counts(1, 0, 0, 0), "ASYS": Counts(0, 1, 0, 0)}


def test_a_record_fibrillates_when_its_windows_say_so(world):
    rows = world.rows(world.validation)
    p = np.full((len(rows), len(world.tasks)), 0.01)
    p[world.set_of(rows) == 1, world.tasks.index("AFIB")] = [0.9, 0.2, 0.6, 0.1]
    by_mean = af_counts(judged(world, p), point(0.5), lambda windows: float(windows.mean()))
    by_any = af_counts(judged(world, p), point(0.5), lambda windows: float(windows.max()))
    assert (by_mean, by_any) == (Counts(1, 0, 0, 1), Counts(1, 1, 0, 0))
    report = rhythm_report(dict.fromkeys(world.tasks, judged(world, p)), dict.fromkeys(world.tasks, point(0.15)))
    assert report["af2017AlertsF1"] == 1  # both windows of one record
    assert report["crossed2015"] is False
