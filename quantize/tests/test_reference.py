"""The bundle that is shipped: whole, signed by a key that is trusted here, and as good as its card says."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ecgclip.bundle import verify
from ecgclip.data import FOLDER_VARIABLE, load, locate
from ecgclip.export import logits
from ecgclip.metrics import auroc, macro, prauc

MODELS = Path(__file__).parents[2] / "models"
REFERENCE = MODELS / "reference"
INT8 = "reference-r18.int8.onnx"


def test_every_file_is_signed_by_a_trusted_key():
    key = json.loads((REFERENCE / "manifest.sig").read_text())["key"]
    manifest = verify(REFERENCE, load_pem_public_key((MODELS / "trust" / f"{key}.pem").read_bytes()))
    assert {path.name for path in REFERENCE.iterdir()} - set(manifest["files"]) == {"manifest.json", "manifest.sig"}
    assert f"{manifest['name']} {manifest['version']}" in (REFERENCE / "MODEL_CARD.md").read_text().splitlines()[0]


def test_goldens_hold_on_this_machine():
    manifest = json.loads((REFERENCE / "manifest.json").read_text())
    windows = np.fromfile(REFERENCE / "goldens.bin", "<i2").reshape(-1, 12, 1000).astype(np.float32) / 1000
    a, b = (np.array([task["calibration"][name] for task in manifest["tasks"]]) for name in ("a", "b"))
    for file, expected in json.loads((REFERENCE / "goldens.json").read_text()).items():
        found = 1 / (1 + np.exp(-(a * logits(REFERENCE / file, windows) + b)))
        assert abs(found - expected).max() < manifest["goldens"]["tolerance"]


def test_only_tasks_with_evidence_may_alert():
    tasks = json.loads((REFERENCE / "manifest.json").read_text())["tasks"]
    assert all(task["evidence"] for task in tasks if task["alert"])
    assert {"AFIB"} <= {task["id"] for task in tasks if task["alert"]}
    assert not {"NORM", "SR"} & {task["id"] for task in tasks if task["alert"]}


@pytest.mark.skipif(FOLDER_VARIABLE not in os.environ, reason=f"{FOLDER_VARIABLE} names no folder with PTB-XL")
def test_int8_reaches_its_figures_on_the_validation_fold(reference):
    dataset = load(*locate(None, None), reference, progress=False)
    _, validation = dataset.split(reference.data)
    scores = logits(REFERENCE / INT8, validation.signals)
    assert macro(auroc, validation.labels, scores, 5) > 0.89
    assert macro(prauc, validation.labels, scores, 5) > 0.51
