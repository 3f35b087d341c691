"""Findings by texts alone, and their rows for an overlay."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ecgclip.catalog import load_catalog
from ecgclip.config import load_pretrain_recipe
from ecgclip.errors import EcgclipError
from ecgclip.model import Encoder, save_encoder
from ecgclip.pretraining.alignment import Alignment
from ecgclip.simulator.cohort import TASKS, simulate_cohort
from ecgclip.transfer import runs as runs_module
from ecgclip.transfer import zero_shot
from ecgclip.transfer.encoders import Embeddings, Start
from ecgclip.transfer.runs import Runs
from ecgclip.transfer.study import open_study
from ecgclip.transfer.zero_shot import load_prompts, measure_zero_shot, similarities, task_rows
from ecgclip.transfer.zero_shot_rows import write_overlay

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "reference"
TEXTS = {"A": ("alpha", "first letter"), "B": ("beta",)}
EMBEDDED = {"alpha": [1.0, 0.0], "first letter": [0.0, 1.0], "beta": [0.0, -1.0]}


@pytest.fixture(autouse=True)
def texts(monkeypatch):
    monkeypatch.setattr(runs_module, "DRAWS", 50)

    def embed(reports, *_, progress):
        del progress
        rng = np.random.default_rng(len(reports))
        return np.array([EMBEDDED.get(text, rng.normal(size=2)) for text in reports], np.float32)

    monkeypatch.setattr(zero_shot, "embed_reports", embed)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A study of sixty simulated patients, an encoder with its way to texts of two numbers, and the recipe."""
    folder = tmp_path_factory.mktemp("zero-shot")
    records = simulate_cohort(folder / "records", 60, 100, 1000, seed=1, progress=False)
    records.table["fold"] = np.arange(60) % 3 + 7
    recipe = load_pretrain_recipe(ROOT / "quantize" / "recipes" / "pretrain-r18.toml")
    model = dataclasses.replace(recipe.model, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1))
    torch.manual_seed(3)
    encoder = Encoder(model)
    alignment = {"text_encoder": "any", "weights": Alignment(encoder.width, 2, 8).state_dict()}
    save_encoder(folder / "encoder.pt", encoder, model, alignment=alignment)
    study = open_study(records, 9, [], None)
    return study, Embeddings(recipe.model, records, study.training), Start("ours", folder / "encoder.pt")


def test_a_task_s_row_is_the_mean_direction_of_its_texts():
    alignment = Alignment(3, 2, 2)
    alignment.to_text, alignment.from_text = torch.nn.Linear(3, 2, bias=False), torch.nn.Identity()
    alignment.to_text.weight.data = torch.tensor([[2.0, 0, 0], [0, 1.0, 0]])
    rows = task_rows(TEXTS, alignment, "any", Path(), progress=False)
    np.testing.assert_allclose(rows, [[0.5**0.5, 0.5**0.5], [0, -1]], atol=1e-6)
    found = similarities(alignment, np.array([[1, 0, 9], [0, -3, 0]], np.float32), rows)
    np.testing.assert_allclose(found, [[0.5**0.5, 0], [-(0.5**0.5), 1]], atol=1e-6)


def test_a_measurement_by_texts_has_no_training_and_scores_tasks_without_texts_alike(world, tmp_path):
    study, embeddings, start = world
    runs = Runs(tmp_path)
    measure_zero_shot(study, embeddings, start, {"SR": ("alpha",)}, runs, tmp_path, progress=False)
    measure_zero_shot(study, embeddings, start, {"SR": ("alpha",)}, runs, tmp_path, progress=False)
    (entry,) = json.loads((tmp_path / "runs.json").read_text())
    assert (entry["method"], entry["share"], entry["records"], entry["measured_on"]) == ("zero-shot", 0, 0, 20)
    tasks = {task["task"]: task for task in entry["per_task"]}
    assert tasks["SR"]["auroc"]["value"] != 0.5
    assert {task["auroc"]["value"] for name, task in tasks.items() if task["auroc"] and name != "SR"} == {0.5}


def test_random_weights_and_encoders_without_projections_know_no_texts(world, tmp_path):
    study, embeddings, start = world
    with pytest.raises(EcgclipError, match="know no texts"):
        measure_zero_shot(study, embeddings, Start("random", None), TEXTS, Runs(tmp_path), tmp_path)
    saved = torch.load(start.path)
    del saved["alignment"]
    torch.save(saved, tmp_path / "bare.pt")
    with pytest.raises(EcgclipError, match="no projections"):
        measure_zero_shot(study, embeddings, Start("bare", tmp_path / "bare.pt"), TEXTS, Runs(tmp_path), tmp_path)


def test_labels_none_of_which_has_a_text_are_refused(world, tmp_path):
    study, embeddings, start = world
    with pytest.raises(EcgclipError, match=r"has a text: give --prompts"):
        measure_zero_shot(study, embeddings, start, {"ELSEWHERE": ("alpha",)}, Runs(tmp_path), tmp_path, progress=False)


def test_rows_for_an_overlay_rank_recordings_as_the_texts_do(world, tmp_path):
    study, embeddings, start = world
    prompts = {"BRUG": ("alpha",), "ERP": ("beta",)}
    explained = write_overlay(tmp_path / "o.json", study, embeddings, start, BUNDLE, prompts, tmp_path, progress=False)
    overlay = json.loads((tmp_path / "o.json").read_text())
    assert overlay["bundle"] == hashlib.sha256((BUNDLE / "manifest.json").read_bytes()).hexdigest()
    assert [head["task"]["id"] for head in overlay["heads"]] == ["BRUG", "ERP"]
    assert explained.keys() == prompts.keys()
    features = embeddings.of(Start(f"bundle {BUNDLE}", BUNDLE), 0, study.records)[study.training]
    row = overlay["heads"][0]
    logits = features @ np.array(row["weights"]) + row["bias"]
    assert logits.mean() == pytest.approx(0, abs=0.01)
    assert logits.std() == pytest.approx(1, abs=0.01)
    above = 1 / (1 + np.exp(-logits)) >= row["task"]["threshold"]["value"]
    assert above.sum() <= 1
    saved = torch.load(start.path)["alignment"]["weights"]
    alignment = Alignment(16, 2, 8)
    alignment.load_state_dict(saved)
    wanted = similarities(
        alignment.eval(),
        embeddings.of(start, 0, study.records)[study.training],
        task_rows(prompts, alignment, "any", Path(), progress=False),
    )[:, 0]
    assert np.corrcoef(logits, wanted)[0, 1] > 0.8


def test_a_task_that_the_bundle_has_gets_no_row(world, tmp_path):
    study, embeddings, start = world
    with pytest.raises(EcgclipError, match="AFIB cannot be added"):
        write_overlay(tmp_path / "o.json", study, embeddings, start, BUNDLE, {"AFIB": ("af",)}, tmp_path)


def test_every_simulated_diagnosis_has_prompts_and_every_prompt_a_task():
    prompts, statements = load_prompts(), json.loads((ROOT / "models" / "catalog" / "statements.json").read_text())
    known = set(load_catalog()) | {task["id"] for task in statements["tasks"]}
    assert set(TASKS) <= prompts.keys() <= known
