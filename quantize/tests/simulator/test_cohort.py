"""Simulated patients: what their labels and reports say is measured on their signals by other means."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import wfdb
from scipy.signal import find_peaks

from ecgclip.data.records import open_records
from ecgclip.errors import EcgclipError
from ecgclip.leads import DERIVATION, LEADS
from ecgclip.simulator.cohort import BATCH, TASKS, draw, read_motion, simulate_cohort
from ecgclip.simulator.conditions import CHAMBERS, CONDUCTION, REPOLARISATION, WALLS, infarction
from ecgclip.simulator.heart import normal_heart
from ecgclip.simulator.reports import PHRASES
from ecgclip.simulator.rhythms import RHYTHMS
from ecgclip.simulator.signal import Electrodes, lead_signals

RATE = 500
QUIET = Electrodes(wander=0, muscle=0, mains=0, motion=0, highpass_hz=0)
NO_MOTION = np.zeros((0, 0))
CATALOG = Path(__file__).parents[3] / "models" / "catalog" / "tasks.json"
PATIENTS = range(6)


def shown(timeline, rng, electrodes=QUIET):
    return dict(zip(LEADS, DERIVATION @ lead_signals(timeline, RATE, electrodes, rng, NO_MOTION), strict=True))


@functools.cache
def average_beat(rhythm, change, seed):
    """Twelve leads from 300 ms before to 500 ms after the R peak, mean over the beats, baseline removed."""
    rng = np.random.default_rng(seed)
    heart = normal_heart(rng, 55)
    if change:
        change(heart, rng)
    timeline = RHYTHMS[rhythm](heart, rng, 10.0)
    leads = shown(timeline, rng)
    at = np.round([beat.at * RATE for beat in timeline.beats if 0.5 < beat.at < 9.3]).astype(int)
    beats = {name: x[at[:, None] + np.arange(-150, 250)].mean(axis=0) for name, x in leads.items()}
    return {name: x - x[100:110].mean() for name, x in beats.items()}  # 100 to 80 ms before R: the PR segment


def at(ms):
    return 150 + round(ms * RATE / 1000)


def mean_over_patients(rhythm, change, measure):
    return np.mean([measure(average_beat(rhythm, change, seed)) for seed in PATIENTS])


def test_the_catalogs_45_diagnoses_are_all_there():
    catalog = [task["id"] for task in json.loads(CATALOG.read_text())["tasks"] if task["group"] == "diagnosis"]
    assert sorted(TASKS) == sorted(catalog)
    assert len(TASKS) == 45


@pytest.mark.parametrize("task", TASKS)
def test_every_diagnosis_is_drawn_labelled_and_reported(task):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        timeline, labels, report = draw(rng, 10.0, task)
        assert labels[task] == 1
        assert set(labels) == set(TASKS)
        assert report
        signal = lead_signals(timeline, 100, QUIET, rng, NO_MOTION)
        assert signal.shape == (8, 1000)
        assert np.isfinite(signal).all()
        assert abs(signal).max() < 8


def test_normal_patients_have_nothing_else():
    for seed in range(50):
        _, labels, report = draw(np.random.default_rng(seed), 10.0, "NORM")
        assert {task for task, value in labels.items() if value} <= {"NORM", "SR", "SARRH"}
        assert "abnormal ecg" not in report


def detected(leads):
    energy = np.convolve(sum(np.diff(x) ** 2 for x in leads.values()), np.ones(50), "same")
    peaks, _ = find_peaks(energy, height=energy.max() * 0.1, distance=round(0.22 * RATE))
    return peaks / RATE


@pytest.mark.parametrize(
    ("rhythm", "slowest", "fastest"),
    [("SR", 58, 101), ("STACH", 98, 158), ("SBRAD", 36, 61), ("SVTAC", 148, 223), ("3AVB", 25, 50), ("JUNC", 36, 67)],
)
def test_rhythms_have_the_rates_that_define_them(rhythm, slowest, fastest):
    for seed in PATIENTS:
        rng = np.random.default_rng(seed)
        timeline = RHYTHMS[rhythm](normal_heart(rng, 50), rng, 20.0)
        beats = np.sort([beat.at for beat in timeline.beats])
        if rhythm != "3AVB":  # whose broad T waves a detector of slopes takes for beats
            found = detected(shown(timeline, rng))
            assert len(found) == pytest.approx(((beats > 0) & (beats < 20)).sum(), abs=2)
        assert slowest < 60 / np.diff(beats).mean() < fastest


def variation(rhythm, seed):
    rng = np.random.default_rng(seed)
    intervals = np.diff(detected(shown(RHYTHMS[rhythm](normal_heart(rng, 50), rng, 30.0), rng)))
    return intervals.std() / intervals.mean()


def test_fibrillation_is_irregular_and_sinus_rhythm_is_not():
    assert np.median([variation("AFIB", seed) for seed in PATIENTS]) > 0.13
    assert np.median([variation("SR", seed) for seed in PATIENTS]) < 0.06


def test_asystole_is_flat_for_more_than_four_seconds():
    for seed in PATIENTS:
        rng = np.random.default_rng(seed)
        leads = shown(RHYTHMS["ASYS"](normal_heart(rng, 50), rng, 10.0), rng)
        late = np.stack([x[-round(3.5 * RATE) :] for x in leads.values()])
        assert abs(late).max() < 0.45  # P waves alone are allowed


def test_fibrillating_ventricles_have_their_power_between_2_and_9_hz():
    for seed in PATIENTS:
        rng = np.random.default_rng(seed)
        x = shown(RHYTHMS["VF"](normal_heart(rng, 50), rng, 10.0), rng)["II"]
        power = abs(np.fft.rfft(x - x.mean())) ** 2
        hz = np.fft.rfftfreq(len(x), 1 / RATE)
        assert power[(hz > 2) & (hz < 9)].sum() > 0.7 * power.sum()


def test_right_bundle_branch_block_ends_with_r_in_v1_and_s_in_i():
    """AHA/ACCF/HRS 2009: the last third of the QRS points to the right and forward."""
    for name, sign in (("V1", 1), ("I", -1)):
        assert sign * mean_over_patients("SR", CONDUCTION["CRBBB"], lambda x, name=name: x[name][at(60)]) > 0.15
        assert sign * mean_over_patients("SR", None, lambda x, name=name: x[name][at(60)]) < 0.1


def test_left_bundle_branch_block_is_broad_negative_in_v1_and_discordant():
    blocked = CONDUCTION["CLBBB"]
    assert mean_over_patients("SR", blocked, lambda x: x["V1"][at(40)]) < -0.4
    assert mean_over_patients("SR", blocked, lambda x: x["V6"][at(40)]) > 0.3
    assert mean_over_patients("SR", blocked, lambda x: x["V1"][at(260)]) > 0.1
    assert mean_over_patients("SR", blocked, lambda x: x["I"][at(260)]) < 0


def axis(x):
    area = {name: x[name][at(-50) : at(60)].sum() for name in ("I", "aVF")}
    return np.degrees(np.arctan2(area["aVF"] * 2 / np.sqrt(3), area["I"]))


def test_fascicular_blocks_turn_the_axis():
    assert mean_over_patients("SR", CONDUCTION["LAFB"], axis) < -30
    assert mean_over_patients("SR", CONDUCTION["LPFB"], axis) > 80


def test_hypertrophy_meets_voltage_criteria_more_often_than_not():
    def sokolow_lyon(x):
        return -x["V1"].min() + max(x["V5"].max(), x["V6"].max()) > 3.5  # mV

    assert mean_over_patients("SR", CHAMBERS["LVH"], sokolow_lyon) > 0.5
    assert mean_over_patients("SR", None, sokolow_lyon) < 0.5
    assert mean_over_patients("SR", CHAMBERS["LVOLT"], lambda x: max(np.ptp(x[n]) for n in ("I", "II", "III"))) < 0.6


@pytest.mark.parametrize(("wall", "lead"), [("anteroseptal", "V2"), ("inferior", "aVF"), ("lateral", "I")])
def test_injury_lifts_st_over_its_wall_and_scars_take_its_r(wall, lead):
    (chosen,) = (each for each in WALLS if each.name == wall)

    def acute(heart, rng):
        infarction(heart, rng, chosen, acute=True)

    def old(heart, rng):
        infarction(heart, rng, chosen)

    def st(x):
        return x[lead][at(80)]

    def q(x):
        return x[lead][at(-40) : at(-15)].min()

    assert mean_over_patients("SR", acute, st) > mean_over_patients("SR", None, st) + 0.1
    assert mean_over_patients("SR", old, q) < mean_over_patients("SR", None, q) - 0.1


def test_long_qt_is_late():
    def end(x):
        t = abs(x["II"][at(150) : at(495)])
        return np.flatnonzero(t > 0.2 * t.max())[-1]

    assert mean_over_patients("SBRAD", REPOLARISATION["LNGQT"], end) > mean_over_patients("SBRAD", None, end) + 30


def test_every_statement_can_be_worded():
    for task in set(TASKS) - {"NORM", "AMI", "IMI", "LMI", "PMI"}:
        assert PHRASES[task]
    assert PHRASES["MI"]


def test_a_cohort_is_the_same_whoever_makes_it_and_where_it_was_stopped(tmp_path):
    first = simulate_cohort(tmp_path / "a", BATCH + 20, 100, 1000, seed=3, progress=False)
    again = simulate_cohort(tmp_path / "b", BATCH + 20, 100, 1000, seed=3, progress=False)
    assert first.manifest == again.manifest
    assert first.manifest["rejected"] == 0
    assert min(first.manifest["positives"].values()) >= 1
    assert open_records(tmp_path / "a").table.report.nunique() > 60
    other = simulate_cohort(tmp_path / "c", 2, 100, 1000, seed=4, progress=False)
    assert not (other.signals[0] == first.signals[0]).all()


def test_electrode_motion_no_longer_than_a_recording_is_refused(tmp_path):
    noise = np.random.default_rng(0).normal(size=(1000, 2))
    wfdb.wrsamp("em", RATE, ["mV"] * 2, ["noise1", "noise2"], noise, fmt=["16"] * 2, write_dir=str(tmp_path))
    with pytest.raises(EcgclipError, match="lasts 2 s: its noise must last longer"):
        simulate_cohort(tmp_path / "out", 20, RATE, 1000, 1, tmp_path / "em.hea", progress=False)


def test_electrode_motion_is_added_when_it_is_given(tmp_path):
    noise = np.random.default_rng(0).normal(size=(7200, 2))
    wfdb.wrsamp("em", 360, ["mV", "mV"], ["noise1", "noise2"], noise, fmt=["16", "16"], write_dir=str(tmp_path))
    motion = read_motion(tmp_path / "em.hea", RATE)
    assert motion.shape == (2, 10000)
    rng = np.random.default_rng(1)
    timeline = RHYTHMS["ASYS"](normal_heart(rng, 50), rng, 10.0)
    moving = Electrodes(wander=0, muscle=0, mains=0, motion=0.5, highpass_hz=0)
    still, moved = (lead_signals(timeline, RATE, e, np.random.default_rng(2), motion) for e in (QUIET, moving))
    assert (moved - still).std() > 0.1
