"""Calibration and operating points."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from ecgclip.catalog import AlertPolicy, load_catalog
from ecgclip.judging.calibrate import (
    OperatingPoint,
    Windows,
    alert_level,
    choose,
    fit_platt,
    limb_lead_shift,
    sigmoid,
)
from ecgclip.judging.evaluate import limb_lead_shifts

POLICY = AlertPolicy("prompt", 2, 3)


def windows(logits, truth, quiet=None, patients=None, akin=None):
    """Each its own patient, and normal where it is not positive, unless told otherwise."""
    y = np.asarray(truth) > 0.5
    return Windows(
        np.asarray(logits, float), y, ~y if quiet is None else quiet,
        np.zeros(len(y), bool) if akin is None else akin,
        np.array([f"p{k}" for k in range(len(y))]) if patients is None else np.array(patients),
    )  # fmt: skip


def test_platt_finds_slope_and_offset_again():
    rng = np.random.default_rng(0)
    z = rng.normal(size=20000)
    truth = rng.random(20000) < sigmoid(1.6 * z - 1.0)
    platt = fit_platt(z, truth, np.ones(20000))
    assert platt.a == pytest.approx(1.6, rel=0.05)
    assert platt.b == pytest.approx(-1.0, abs=0.1)


def test_platt_with_a_handful_of_separable_positives_stays_modest():
    platt = fit_platt(np.array([-3.0] * 200 + [3.0] * 3), np.arange(203) >= 200, np.ones(203))
    assert 0.3 < platt.a < 3
    assert 0.5 < platt(np.array([3.0]))[0] < 0.999


def test_platt_keeps_the_order_even_of_a_useless_score():
    rng = np.random.default_rng(1)
    truth = rng.random(100) < 0.2
    assert fit_platt(-3.0 * truth + rng.normal(size=100), truth, np.ones(100)).a > 0


def test_alert_threshold_is_quiet_on_normal_records_and_precise(reference):
    rng = np.random.default_rng(2)
    y = np.arange(400) < 40
    z = np.where(y, 2.0, -2.0) + rng.normal(size=400)
    normal = np.arange(400) >= 200
    level = alert_level(windows(z, y, normal), POLICY, reference.calibration)
    assert y[z >= level].mean() >= reference.calibration.alert_ppv
    assert (z[normal] >= level).mean() <= reference.calibration.normal_exceedance
    assert (z[y] >= level).mean() >= reference.calibration.alert_sensitivity


def test_screening_is_surer_than_a_prompt_alert(reference):
    rng = np.random.default_rng(4)
    y = np.arange(400) < 60
    z = np.where(y, 1.0, -1.0) + rng.normal(size=400)
    normal = np.arange(400) >= 390
    levels = {
        tier: alert_level(windows(z, y, normal), AlertPolicy(tier, 2, 3), reference.calibration)
        for tier in ("prompt", "screening")
    }
    assert y[z >= levels["screening"]].mean() >= reference.calibration.screening_ppv
    assert levels["screening"] > levels["prompt"]


def test_a_task_that_cannot_be_precise_gets_no_alert(reference):
    rng = np.random.default_rng(3)
    truth = (np.arange(300) % 10 == 0).astype(float)
    point = choose(windows(rng.normal(size=300), truth), POLICY, reference.calibration, evidence=True)
    assert point.alert is None
    assert 0 < point.threshold.value < 1


@pytest.mark.parametrize(("evidence", "policy"), [(False, POLICY), (True, None)])
def test_no_alert_without_evidence_or_policy(reference, evidence, policy):
    truth = (np.arange(100) < 20).astype(float)
    point = choose(windows(8 * truth - 4, truth), policy, reference.calibration, evidence=evidence)
    assert point.alert is None


def test_alert_ends_below_where_it_starts_and_survives_json(reference):
    truth = (np.arange(100) < 20).astype(float)
    point = choose(windows(8 * truth - 4, truth), POLICY, reference.calibration, evidence=True)
    assert point.alert is not None
    assert point.alert.clear_below < point.threshold.value
    assert OperatingPoint.from_json(point.as_json()) == point


def test_below_its_rule_out_level_a_finding_is_unlikely(reference):
    rng = np.random.default_rng(9)
    y = np.arange(4000) % 20 == 0
    z = np.where(y, 2.0, -2.0) + 1.5 * rng.normal(size=4000)
    point = choose(windows(z, y), None, reference.calibration, evidence=True)
    out, p = point.rule_out, point.platt(z)
    assert 0.95 <= (p[y] >= out.value).mean() < 0.97
    assert out.sensitivity == pytest.approx((p[y] >= out.value).mean(), abs=1e-4)
    assert out.specificity == pytest.approx((p[~y] < out.value).mean(), abs=1e-4)
    assert out.value <= point.threshold.value
    assert OperatingPoint.from_json(point.as_json()) == point


def test_nothing_is_ruled_out_above_the_alerts_level_or_on_a_handful_of_positives(reference):
    y = np.arange(1000) < 50
    apart = choose(windows(np.where(y, 5.0, -5.0), y), POLICY, reference.calibration, evidence=True)
    assert apart.alert is not None
    assert apart.rule_out.value <= apart.threshold.value
    few = np.arange(1000) < 19
    z = np.where(few, 5.0, -5.0)
    assert choose(windows(z, few), POLICY, reference.calibration, evidence=True).rule_out is None
    assert choose(windows(z, few), POLICY, reference.calibration, evidence=False).rule_out is None


def test_each_patient_counts_once_for_a_rule_out_level_too(reference):
    z, y = np.append(np.linspace(1, 2, 40), -1 - np.linspace(0, 1, 100)), np.arange(140) < 40
    alone = choose(windows(z, y), None, reference.calibration, evidence=True)
    unreadable = np.full(600, -9.0)  # windows of one more patient
    many = choose(
        windows(
            np.append(z, unreadable),
            np.append(y, np.ones(600, bool)),
            patients=[*(f"p{k}" for k in range(140)), *["long"] * 600],
        ),
        None,
        reference.calibration,
        evidence=True,
    )
    assert alone.rule_out.sensitivity >= 0.95
    assert many.rule_out.value > many.platt(-9.0)
    assert many.rule_out.sensitivity == pytest.approx(40 / 41, abs=0.02)


def test_a_task_without_positives_still_has_a_threshold(reference):
    point = choose(windows(np.zeros(50), np.zeros(50)), POLICY, reference.calibration, evidence=False)
    assert point.threshold.value == 0.5
    assert dataclasses.asdict(point)["alert"] is None


def test_a_patient_counts_once_however_many_windows_there_are(reference):
    rng = np.random.default_rng(5)
    y = np.arange(300) < 60
    z = np.where(y, 1.5, -1.5) + rng.normal(size=300)
    patients = [f"p{k}" for k in range(300)]
    often = np.sort(np.r_[np.arange(300), np.full(500, 7), np.full(500, 200)])  # two of them for hours
    once = choose(windows(z, y, patients=patients), POLICY, reference.calibration, evidence=True)
    again = windows(z[often], y[often], patients=[patients[k] for k in often])
    long = choose(again, POLICY, reference.calibration, evidence=True)
    assert long.threshold == once.threshold
    assert long.platt.a == pytest.approx(once.platt.a, rel=1e-3)


def test_a_stretch_of_windows_is_as_high_as_an_alert_would_take_it():
    z = [1, 5, 2, 4, 0,  9, 8,  3,  7, 1, 1]  # fmt: skip
    y = [1, 1, 1, 1, 1,  0, 0,  0,  1, 1, 1]  # fmt: skip
    patients = ["a"] * 7 + ["b"] + ["c"] * 3
    akin = np.array(z) == 8
    found = windows(z, y, quiet=np.array(z) > 7, patients=patients, akin=akin).stretches(POLICY)
    assert found.logits.tolist() == [
        4,
        8,
        3,
        1,
    ]  # 2 of 3 in a row; both of two; the only one; one high one is not enough
    assert found.truth.tolist() == [True, False, False, True]
    assert found.patients.tolist() == ["a", "a", "b", "c"]
    assert found.quiet.tolist() == [False, True, False, False]
    assert found.akin.tolist() == [False, True, False, False]


def test_a_level_is_chosen_by_the_alerts_that_it_makes_not_by_single_windows(reference):
    rng = np.random.default_rng(8)
    y = np.arange(600) < 90
    z = np.repeat(np.where(y[::3], 2.0, -2.0), 3) + rng.normal(size=600)
    z[92::3] += 3.5  # one window in three of everybody else is noise, which persistence takes away
    patients = [f"p{k // 3}" for k in range(600)]
    level = alert_level(windows(z, y, np.zeros(600, bool), patients=patients), POLICY, reference.calibration)
    told = (z.reshape(-1, 3) >= level).sum(axis=1) >= 2
    assert told[y[::3]].mean() > 0.95
    assert told[~y[::3]].mean() < 0.05
    assert (z[~y] >= level).mean() > 0.2


def test_limb_leads_alone_are_shifted_to_where_one_threshold_fits_both(reference):
    rng = np.random.default_rng(6)
    y = np.arange(2000) % 5 == 0
    limb = np.arange(2000) >= 1000
    z = np.where(y, 2.0, -2.0) + 0.7 * limb + 0.3 * rng.normal(size=2000)
    shift = limb_lead_shift(windows(z[limb], y[limb]), windows(z[~limb], y[~limb]), POLICY, reference.calibration)
    assert shift == pytest.approx(0.7, abs=0.5)
    few = limb & ~(y & (np.arange(2000) > 1010))
    assert limb_lead_shift(windows(z[few], y[few]), windows(z[~limb], y[~limb]), POLICY, reference.calibration) == 0


def test_a_cross_validated_task_is_not_shifted_for_its_level_is_of_other_networks(reference):
    rng = np.random.default_rng(8)
    y = np.arange(2000) % 5 == 0
    limb = np.arange(2000) >= 1000
    z = np.where(y, 2.0, -2.0) + 0.7 * limb + 0.3 * rng.normal(size=2000)
    judged = SimpleNamespace(
        joint=SimpleNamespace(tasks=("AFIB", "VT")), windows=lambda _task, _catalog, here: windows(z[here], y[here])
    )
    free = limb_lead_shifts(judged, limb, load_catalog(), reference.calibration)
    assert free.tolist() == [pytest.approx(0.7, abs=0.5), pytest.approx(0.7, abs=0.5)]
    assert limb_lead_shifts(judged, limb, load_catalog(), reference.calibration, ("VT",)).tolist() == [free[0], 0]


def test_a_rhythm_akin_is_no_false_alarm_but_counts_for_the_probability(reference):
    rng = np.random.default_rng(7)
    n = 1000
    fibrillating, tachycardia = np.arange(n) < 10, (np.arange(n) >= 10) & (np.arange(n) < 110)
    z = np.where(fibrillating, 1.0, np.where(tachycardia, 1.5, -4.0)) + 0.5 * rng.normal(size=n)
    policy = AlertPolicy("acute", 2, 3, akin=("VT",))
    strict, lenient = (
        choose(windows(z, fibrillating, np.arange(n) >= 110, akin=akin), policy, reference.calibration, evidence=True)
        for akin in (None, tachycardia)
    )
    assert strict.alert is None  # one in eleven would be fibrillation
    assert lenient.alert is not None
    assert (lenient.platt(z[fibrillating]) >= lenient.threshold.value).mean() > 0.9
    assert "those of VT alone not at all" in lenient.threshold.rule
    assert lenient.platt == strict.platt
