"""The bundle that is shipped: whole, signed by a key that is trusted here, and as good as its card says."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ecgclip.__main__ import RECORDS_VARIABLE
from ecgclip.bundle.signed_folder import verify
from ecgclip.config import load_recipe
from ecgclip.data.joint import open_joint
from ecgclip.export.onnx_export import logits
from ecgclip.export.variants import logits_of
from ecgclip.metrics import auroc, macro, prauc

MODELS = Path(__file__).parents[2] / "models"
RECIPES = Path(__file__).parents[1] / "recipes"
RECIPE = {"reference": "reference-r18", "reference-r34": "reference-r34"}
NAMES = [name for name in RECIPE if (MODELS / name).is_dir()]


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_signed_by_a_trusted_key(name):
    folder = MODELS / name
    key = json.loads((folder / "manifest.sig").read_text())["key"]
    manifest = verify(folder, load_pem_public_key((MODELS / "trust" / f"{key}.pem").read_bytes()))
    assert {path.name for path in folder.iterdir()} - set(manifest["files"]) == {"manifest.json", "manifest.sig"}
    assert f"{manifest['name']} {manifest['version']}" in (folder / "MODEL_CARD.md").read_text().splitlines()[0]


@pytest.mark.parametrize("name", NAMES)
def test_goldens_hold_on_this_machine(name):
    folder = MODELS / name
    manifest = json.loads((folder / "manifest.json").read_text())
    windows = np.fromfile(folder / "goldens.bin", "<i2").reshape(-1, 12, 1000).astype(np.float32) / 1000
    a, b = (np.array([task["calibration"][name] for task in manifest["tasks"]]) for name in ("a", "b"))
    for file, expected in json.loads((folder / "goldens.json").read_text()).items():
        found = 1 / (1 + np.exp(-(a * logits_of(folder / file, windows) + b)))
        assert abs(found - expected).max() < manifest["goldens"]["tolerance"]


@pytest.mark.parametrize("name", NAMES)
def test_only_tasks_with_evidence_may_alert(name):
    folder = MODELS / name
    tasks = json.loads((folder / "manifest.json").read_text())["tasks"]
    assert all(task["evidence"] for task in tasks if task["alert"])
    assert {"AFIB"} <= {task["id"] for task in tasks if task["alert"]}
    assert not {"NORM", "SR"} & {task["id"] for task in tasks if task["alert"]}


@pytest.mark.parametrize("name", NAMES)
def test_every_task_with_positives_enough_can_be_ruled_out_and_never_where_it_would_alert(name):
    tasks = json.loads((MODELS / name / "manifest.json").read_text())["tasks"]
    enough = {task["id"] for task in tasks if task["evidence"] and task["evidence"]["positives"] >= 20}
    assert {task["id"] for task in tasks if "ruleOut" in task} == enough
    for task in tasks:
        if out := task.get("ruleOut"):
            assert 0 < out["value"] <= task["threshold"]["value"]
            assert out["sensitivity"] >= 0.95


@pytest.mark.skipif(RECORDS_VARIABLE not in os.environ, reason=f"{RECORDS_VARIABLE} names no folder of records")
@pytest.mark.parametrize("name", NAMES)
def test_int8_reaches_its_figures_on_the_validation_fold(name):
    joint = open_joint(Path(os.environ[RECORDS_VARIABLE]), load_recipe(RECIPES / f"{RECIPE[name]}.toml"))
    rows = joint.rows(joint.validation, "ptbxl")
    scores = logits(MODELS / name / f"{RECIPE[name]}.int8.onnx", joint.twelve(rows))
    assert macro(auroc, joint.labels[rows], scores, 5) > 0.89
    assert macro(prauc, joint.labels[rows], scores, 5) > 0.51
