"""Measuring encoders: who sees what, that it goes on, and that encoders are compared over the same patients."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ecgclip.config import load_pretrain_recipe
from ecgclip.errors import EcgclipError
from ecgclip.metrics import auroc, paired_difference, patient_draws, prauc
from ecgclip.model import Encoder, save_encoder
from ecgclip.simulator.cohort import simulate_cohort
from ecgclip.transfer import runs as runs_module
from ecgclip.transfer.encoders import Embeddings, Start, parse_start
from ecgclip.transfer.fine_tune import Budget, fine_tune, masked_loss
from ecgclip.transfer.linear_head import LinearHead
from ecgclip.transfer.probe import FINE_TUNE, PROBE, compare
from ecgclip.transfer.result_tables import result_tables
from ecgclip.transfer.runs import MINIMUM_POSITIVES, SEED, Judge, Runs
from ecgclip.transfer.study import open_study

RECIPES = Path(__file__).parents[1] / "recipes"
BUDGET = Budget(steps=3, batch=16, learning_rate=0.003, weight_decay=0.05, bfloat16=False)
RANDOM = Start("random", None)
DRAWS = 200


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(runs_module, "DRAWS", DRAWS)


@pytest.fixture(scope="module")
def recipe():
    full = load_pretrain_recipe(RECIPES / "pretrain-r18.toml")
    return dataclasses.replace(full, model=dataclasses.replace(full.model, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1)))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Ninety patients in folds 7 to 10, so that of three quarters nobody learns."""
    found = simulate_cohort(tmp_path_factory.mktemp("probe") / "home", 90, 100, 1000, seed=1, progress=False)
    found.table["fold"] = np.arange(90) % 4 + 7
    return found


@pytest.fixture
def study(records):
    return open_study(records, 9, [], None)


@pytest.fixture
def encoder(recipe, tmp_path):
    torch.manual_seed(5)
    save_encoder(tmp_path / "encoder.pt", Encoder(recipe.model), recipe.model)
    return Start("ours", tmp_path / "encoder.pt")


def runs_of(folder):
    return json.loads((folder / "runs.json").read_text())


def test_nobody_learns_from_what_is_held_back_whatever_is_measured_on(records):
    for fold in (8, 9):
        study = open_study(records, fold, [], None)
        assert set(records.folds[study.training]) == {7, 8} - {fold}
        assert set(records.folds[study.cohorts[0].rows]) == {fold}


def test_encoders_are_measured_at_each_share_and_a_stopped_measurement_goes_on(
    study, recipe, encoder, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    arguments = (study, recipe, [encoder, RANDOM], [PROBE], [0.2, 1.0])
    compare(*arguments, [1], BUDGET, Runs(out), progress=False)
    first = runs_of(out)
    assert [(run["encoder"], run["share"], run["records"]) for run in first] == [
        ("ours", 0.2, 9), ("random", 0.2, 9), ("ours", 1.0, 46), ("random", 1.0, 46),
    ]  # fmt: skip
    assert {run["measured_on"] for run in first} == {22}
    assert first[0]["tasks"] == sum(task["positives"] >= MINIMUM_POSITIVES for task in first[0]["per_task"])
    monkeypatch.setattr(Embeddings, "of", lambda *_: pytest.fail("measured again"))
    compare(*arguments, [1], BUDGET, Runs(out), progress=False)
    assert runs_of(out) == first


def test_another_encoder_under_the_same_name_is_refused(study, recipe, encoder, tmp_path):
    runs = Runs(tmp_path / "out")
    compare(study, recipe, [encoder], [PROBE], [1.0], [1], BUDGET, runs, progress=False)
    save_encoder(encoder.path, Encoder(recipe.model), recipe.model)
    with pytest.raises(EcgclipError, match="other settings"):
        compare(study, recipe, [encoder], [PROBE], [1.0], [1], BUDGET, runs, progress=False)


def test_results_of_one_fold_are_not_told_as_those_of_another(records, recipe, tmp_path):
    compare(open_study(records, 8, [], None), recipe, [RANDOM], [PROBE], [1.0], [1], BUDGET, Runs(tmp_path / "worth"))
    study = open_study(records, 9, [], None)
    with pytest.raises(EcgclipError, match=r"'fold': 8.*'fold': 9"):
        compare(study, recipe, [RANDOM], [PROBE], [1.0], [1], BUDGET, Runs(tmp_path / "worth"))


def test_encoders_measured_on_different_folds_are_not_compared(records, recipe, encoder, tmp_path):
    compare(open_study(records, 8, [], None), recipe, [RANDOM], [PROBE], [1.0], [1], BUDGET, Runs(tmp_path / "worth"))
    study = open_study(records, 9, [], None)
    with pytest.raises(EcgclipError, match=r"probe of random on other records, labels or folds of home"):
        compare(study, recipe, [encoder], [PROBE], [1.0], [1], BUDGET, Runs(tmp_path / "worth"))


def test_results_of_one_recipe_are_not_told_as_those_of_another(study, recipe, encoder, tmp_path):
    runs = Runs(tmp_path / "worth")
    compare(study, recipe, [RANDOM, encoder], [PROBE], [1.0], [1], BUDGET, runs, progress=False)
    compare(study, recipe, [RANDOM], [FINE_TUNE], [1.0], [1], BUDGET, runs, progress=False)
    quieter = dataclasses.replace(recipe, augment=dataclasses.replace(recipe.augment, noise_mv=0.0))
    wider = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, kernel=7))
    compare(study, wider, [encoder], [PROBE], [1.0], [1], BUDGET, runs, progress=False)  # its file says its geometry
    for other, method in ((quieter, FINE_TUNE), (wider, PROBE)):
        with pytest.raises(EcgclipError, match="of random with other settings"):
            compare(study, other, [RANDOM], [method], [1.0], [1], BUDGET, runs, progress=False)


def test_cohorts_of_one_name_are_refused(records):
    other = dataclasses.replace(records, folder=Path("elsewhere") / records.folder.name)
    with pytest.raises(EcgclipError, match="called home: results go by it"):
        open_study(records, 9, [other], None)


def test_what_each_task_rests_on_stands_beside_it(study, recipe, tmp_path):
    compare(study, recipe, [RANDOM], [PROBE], [1.0], [1], BUDGET, Runs(tmp_path), progress=False)
    tasks = {task["task"]: task for task in runs_of(tmp_path)[0]["per_task"]}
    truth = study.cohorts[0].judge.truth
    for k, name in enumerate(study.tasks):
        assert tasks[name]["positives"] == truth[:, k].sum()
        assert tasks[name]["prevalence"] == pytest.approx(truth[:, k].mean())
        assert tasks[name]["averaged"] == (truth[:, k].sum() >= MINIMUM_POSITIVES)
        assert tasks[name]["training"] == study.labels[study.training, k].sum()
        assert (tasks[name]["prauc"] is None) == (truth[:, k].sum() == 0)


def test_a_fine_tuning_repeats_and_estimates_quantities_in_their_unit(records, recipe, tmp_path):
    rate = pd.DataFrame({"record": records.table.record, "rate": np.linspace(40, 140, 90)})
    rate.loc[rate.index % 5 == 0, "rate"] = np.nan
    rate.to_csv(tmp_path / "targets.csv", index=False)
    study = open_study(records, 9, [], tmp_path / "targets.csv")
    for out in ("one", "two"):
        compare(study, recipe, [RANDOM], [FINE_TUNE], [1.0], [1], BUDGET, Runs(tmp_path / out), progress=False)
    first, second = (runs_of(tmp_path / out)[0] for out in ("one", "two"))
    assert first == second
    quantity = first["per_task"][-1]
    assert (quantity["task"], quantity["kind"], quantity["averaged"]) == ("rate", "regression", False)
    assert quantity["known"] == rate.rate[study.cohorts[0].rows].notna().sum()
    assert 5 < quantity["mean_absolute_error"]["value"] < 60


def test_a_cohort_of_others_is_measured_whole_by_the_heads_learned_at_home(records, recipe, tmp_path):
    abroad = simulate_cohort(tmp_path / "abroad", 30, 100, 1000, seed=2, progress=False)
    abroad = dataclasses.replace(abroad, labels=abroad.labels.drop(columns="AFIB"))
    study = open_study(records, 9, [abroad], None)
    compare(study, recipe, [RANDOM], [PROBE], [1.0], [1], BUDGET, Runs(tmp_path / "out"), progress=False)
    home, other = runs_of(tmp_path / "out")
    assert (home["cohort"], other["cohort"], other["measured_on"]) == ("home", "abroad", 30)
    unknown = next(task for task in other["per_task"] if task["task"] == "AFIB")
    assert (unknown["known"], unknown["prauc"]) == (0, None)


def test_pairs_are_the_paired_bootstrap_and_their_seeds_are_averaged(tmp_path):
    rng = np.random.default_rng(0)
    truth = (rng.random((200, 3)) < [0.3, 0.2, 0.01]).astype(np.float32)
    judge = Judge("c", ("A", "B", "rare"), np.array([True] * 3), truth, [f"{k // 2}" for k in range(200)])
    scores = {
        (name, seed): (truth * strength + rng.normal(size=truth.shape)).astype(np.float32)
        for name, strength in (("good", 1.5), ("bad", 0.5))
        for seed in (1, 2)
    }
    runs = Runs(tmp_path)
    for (name, seed), score in scores.items():
        runs.add({"encoder": name, "method": PROBE, "cohort": "c", "share": 1.0, "seed": seed}, {}, judge, score, truth)
    (pair,) = json.loads((tmp_path / "pairs.json").read_text())
    assert (pair["encoder"], pair["against"], pair["seeds"]) == ("good", "bad", [1, 2])
    draws = patient_draws(judge.patients, DRAWS, SEED)
    for name, metric in (("prauc", prauc), ("auroc", auroc)):
        each = [
            paired_difference(metric, truth, scores["good", s], scores["bad", s], MINIMUM_POSITIVES, draws)[0].value
            for s in (1, 2)
        ]
        assert pair[name]["value"] == pytest.approx(np.mean(each))
        assert 0 < pair[name]["low"] < pair[name]["value"] < pair[name]["high"]
        assert pair[name]["p"] < 0.01
    assert runs.entries[0]["tasks"] == 2
    assert "good less bad" in result_tables(runs.entries, runs.pairs())


def test_one_seed_s_pair_is_that_of_the_metrics(tmp_path):
    rng = np.random.default_rng(1)
    truth = (rng.random((120, 2)) < 0.3).astype(np.float32)
    judge = Judge("c", ("A", "B"), np.array([True] * 2), truth, [str(k) for k in range(120)])
    one, two = (rng.normal(size=truth.shape).astype(np.float32) for _ in range(2))
    runs = Runs(tmp_path)
    for name, score in (("one", one), ("two", two)):
        runs.add({"encoder": name, "method": PROBE, "cohort": "c", "share": 1.0, "seed": 1}, {}, judge, score, truth)
    wanted, p = paired_difference(prauc, truth, one, two, MINIMUM_POSITIVES, patient_draws(judge.patients, DRAWS, SEED))
    assert runs.pairs()[0]["prauc"] == pytest.approx(dataclasses.asdict(wanted) | {"p": p})


def test_unknown_labels_give_no_gradient():
    outputs = torch.zeros(2, 3, requires_grad=True)
    labels = torch.tensor([[1.0, float("nan"), 2.0], [float("nan"), 0.0, float("nan")]])
    masked_loss(outputs, labels, torch.tensor([True, True, False])).backward()
    assert torch.equal(outputs.grad != 0, labels.isfinite())
    assert outputs.grad[0, 2] == pytest.approx(-4 / 3)


@pytest.mark.parametrize("text", ["ours", "encoder.pt", ""])
def test_an_encoder_without_a_name_or_a_file_is_refused(text):
    with pytest.raises(EcgclipError, match="is no encoder"):
        parse_start(text)


def test_a_fine_tuning_begins_with_the_head_that_it_is_given(recipe, records):
    rows, still = np.arange(20), dataclasses.replace(BUDGET, learning_rate=1e-9)
    encoder = RANDOM.encoder(recipe.model, records, rows, 1)
    random = np.random.default_rng(1)
    head = LinearHead(random.normal(size=(2, encoder.width)), random.normal(size=2))
    labels, binary = np.zeros((20, 2), np.float32), np.ones(2, bool)
    network = fine_tune(
        encoder, head, recipe.model, recipe.augment, records, rows, labels, binary, still, 1, progress=False
    )
    np.testing.assert_allclose(network.head.weight.detach(), head.weights, atol=1e-6)
    np.testing.assert_allclose(network.head.bias.detach(), head.biases, atol=1e-6)
