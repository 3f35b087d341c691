"""The quality model: features, fit from verdicts on whole windows, thresholds, and the way into a bundle."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import wfdb
from sklearn.metrics import roc_auc_score

from ecgclip.bundle.signed_folder import add_quality
from ecgclip.config import load_quality_recipe
from ecgclip.data.records import Candidate, Origin, Record, millivolts, open_records, write_records
from ecgclip.errors import EcgclipError
from ecgclip.importers.challenge_2011 import TASK, challenge_2011
from ecgclip.quality.card import quality_section
from ecgclip.quality.features import FEATURES, lead_features
from ecgclip.quality.fit import Bags, LeadModel, fit_leads
from ecgclip.quality.train_quality import (
    Held,
    balanced,
    best_threshold,
    folds_of,
    lead_threshold,
    readable_windows,
    train_quality,
)

VECTORS = Path(__file__).parents[2] / "test" / "gateway" / "window" / "vectors"
GAINS, NOISES, WANDERS = (1, 1, 0, -2, 0), (20, 200, 3000, 20, 3), (0, 1, 2, 9, 0)


def window():
    """The window of `test/gateway/window/lead-features.test.ts`: five leads by integer arithmetic."""
    state, out = 1, np.zeros((5, 1000), np.int16)
    for lead in range(5):
        for i in range(1000):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            beat = max(0, 900 - 300 * abs(i % 83 - 40))
            out[lead, i] = GAINS[lead] * beat + (state >> 16) % NOISES[lead] + WANDERS[lead] * (i % 250)
    return millivolts(out)


def as_model(file):
    fields = {name: np.array(file[name]) for name in ("mean", "deviation", "weights")}
    return LeadModel(**fields, bias=file["bias"])


def test_features_and_scores_are_those_that_the_gateway_is_tested_with():
    wanted = json.loads((VECTORS / "quality.json").read_text())
    model = as_model(json.loads((VECTORS / "quality-model.json").read_text()))
    together, alone = lead_features(window()[None])[0], lead_features(window()[None, :1])[0, 0]
    np.testing.assert_allclose(together, wanted["features"], atol=1e-9)
    np.testing.assert_allclose(alone, np.array(wanted["alone"], float), atol=1e-9)
    np.testing.assert_allclose(model.lead_logits(together), wanted["leadLogits"], atol=1e-9)
    assert model.window_logits(together) == pytest.approx(wanted["windowLogit"])


def test_features_tell_noise_and_flat_lines_from_beats():
    found = dict(zip(FEATURES, lead_features(window()[None])[0].T, strict=True))
    clean, _, noise, _, flat = range(5)
    assert found["agrees_best"][clean] > 0.9 > 0.5 > found["agrees_best"][noise]
    assert found["rough"][noise] > found["rough"][clean]
    assert found["pp_high"][flat] < -1.9 < found["pp_high"][clean]


def test_the_lead_is_found_that_made_the_window_unreadable():
    random = np.random.default_rng(3)
    features = random.normal(size=(300, 8, 3))
    culprit = random.random((300, 8)) < 0.05
    features[culprit, 0] += 5
    unreadable = culprit.any(axis=1).astype(float)
    model = fit_leads([Bags(features, unreadable, np.full(300, 1 / 300))], 1e-4)
    assert roc_auc_score(culprit.ravel(), model.lead_logits(features).ravel()) > 0.99
    odds = np.exp(model.lead_logits(features)).sum(axis=1)
    np.testing.assert_allclose(np.log(odds), model.window_logits(features))


def test_thresholds_keep_their_rules():
    random = np.random.default_rng(4)
    unreadable = (random.random(400) < 0.3).astype(float)
    scores = random.normal(size=(2, 400)) + 2 * unreadable
    at = best_threshold(scores, unreadable)
    best = max(float(balanced(scores >= value, unreadable).mean()) for value in scores.ravel())
    assert balanced(scores >= at, unreadable).mean() > best - 0.01
    guards = [Held(np.zeros((1, 500)), random.normal(size=(1, 500, 8)) + shift) for shift in (0, 1)]
    limit = lead_threshold(guards, 0.005)
    assert max((guard.leads > limit).mean() for guard in guards) <= 0.005


def test_the_challenge_of_2011_is_read_with_its_lists(tmp_path):
    for name in ("100", "200", "300"):
        wfdb.wrsamp(
            name, 500, ["mV", "mV"], ["I", "II"], np.random.default_rng(0).normal(size=(5000, 2)), fmt=["16"] * 2,
            write_dir=str(tmp_path),
        )  # fmt: skip
    with pytest.raises(EcgclipError, match="RECORDS-acceptable"):
        challenge_2011(tmp_path, 100, 1000)
    (tmp_path / "RECORDS-acceptable").write_text("100\n")
    (tmp_path / "RECORDS-unacceptable").write_text("200\n")
    write_records(tmp_path / "out", *challenge_2011(tmp_path, 100, 1000), progress=False)
    records = open_records(tmp_path / "out")
    assert records.table.record.tolist() == ["100", "200"]
    assert records.labels[TASK].tolist() == [0, 1]
    assert "neither" in (tmp_path / "out" / "rejected.csv").read_text()


def test_a_patient_of_two_readable_sets_is_left_out_of_both_at_once(tmp_path):
    def candidate(k):
        labels = {"VT": 1.0, "VF": float(k % 3 == 0)}
        return Candidate(
            str(k), lambda: [Record(str(k), f"p{k // 2}", str(k), 500, np.repeat(window()[:1], 8, axis=0), labels)]
        )

    origin = Origin("rhythms", "none", ("VT", "VF"), 100, 1000)
    records = write_records(tmp_path / "rhythms", origin, [candidate(k) for k in range(60)], progress=False)
    recipe = load_quality_recipe(Path(__file__).parents[1] / "recipes" / "quality.toml")
    every = dataclasses.replace(recipe.readable[1], name="rhythms", folds=tuple(range(1, 11)))
    tachycardia, fibrillation = (
        readable_windows(records, dataclasses.replace(every, tasks=(task,)), recipe) for task in ("VT", "VF")
    )
    folds = folds_of([tachycardia, fibrillation], np.random.default_rng(1), 5)
    of_patient = dict(zip((f"p{k // 2}" for k in range(60)), folds[0], strict=True))
    assert len(set(folds[0])) == 5
    assert folds[1].tolist() == [of_patient[f"p{k // 2}"] for k in range(0, 60, 3)]


def test_a_trained_model_comes_with_evidence_and_goes_into_a_bundle(tmp_path):
    random = np.random.default_rng(5)

    def candidate(k, *, unreadable):
        signal = np.repeat(window()[:1], 8, axis=0) + random.normal(0, 0.02, (8, 1000)).astype(np.float32)
        if unreadable:
            signal[k % 8] = random.normal(0, 2, 1000)
        labels = {TASK: float(unreadable)}
        return Candidate(str(k), lambda: [Record(str(k), str(k), str(k), 500, signal, labels)])

    origin = Origin("x", "none", (TASK,), 100, 1000)
    challenge = [candidate(k, unreadable=k % 3 == 0) for k in range(45)]
    write_records(tmp_path / "quality2011", origin, challenge, progress=False)
    write_records(tmp_path / "calm", origin, [candidate(k, unreadable=False) for k in range(20)], progress=False)
    recipe = load_quality_recipe(Path(__file__).parents[1] / "recipes" / "quality.toml")
    calm = dataclasses.replace(recipe.readable[0], name="calm", folds=tuple(range(1, 11)))
    recipe = dataclasses.replace(recipe, repeats=1, bootstraps=50, readable=(calm,))
    model = train_quality(recipe, tmp_path, progress=False)
    assert model == train_quality(recipe, tmp_path, progress=False)
    found = model["evidence"]
    assert found["balancedAccuracy"]["value"] > 0.95
    assert found["sensitivity"]["low"] <= found["sensitivity"]["value"] <= found["sensitivity"]["high"]
    assert model["thresholds"]["lead"]["value"] <= model["thresholds"]["window"]["value"]
    path = tmp_path / "quality.json"
    path.write_text(json.dumps(model))
    (tmp_path / "bundle").mkdir()
    assert add_quality(tmp_path / "bundle", path) == {"quality": {"file": "quality.json"}}
    assert json.loads((tmp_path / "bundle" / "quality.json").read_text()) == model
    assert f"{found['sensitivity']['value']:.3f}" in quality_section(path)
    assert quality_section(None) == ""
