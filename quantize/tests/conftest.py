"""A tiny world: simulated patients with twelve leads and with one, and a recipe that trains in seconds."""

import dataclasses
import socket
from pathlib import Path

import numpy as np
import pytest

from ecgclip.config import load_recipe
from ecgclip.data.joint import open_joint
from ecgclip.data.records import Candidate, Origin, Record, write_records
from ecgclip.leads import KEPT
from ecgclip.simulator.dipole import ATRIAL_FIBRILLATION, SINUS, Segment, simulate

RECIPES = Path(__file__).parents[1] / "recipes"
TASKS = ("AFIB", "NORM")
FOLDS = 9


@pytest.fixture(scope="session")
def reference():
    return load_recipe(RECIPES / "reference-r18.toml")


@pytest.fixture(scope="session")
def tiny(reference):
    """The reference recipe, two hundred times smaller, and from random weights."""
    ptbxl, af2017, *_ = reference.sets
    return dataclasses.replace(
        reference,
        data=dataclasses.replace(reference.data, minimum_positives=4),
        sets=(
            dataclasses.replace(ptbxl, draws=0, absent=()),
            dataclasses.replace(af2017, draws=16, training_folds=(1, 2), validation_folds=(9,), absent=()),
        ),
        model=dataclasses.replace(reference.model, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1), dropout=0.0),
        training=dataclasses.replace(
            reference.training, learning_rate=0.003, epochs=5, batch=8, start="", teacher="", ema_epochs=2.0
        ),
        refits=(),
        calibration=dataclasses.replace(
            reference.calibration, bootstraps=50, minimum_validation_positives=3, cross_validated=False
        ),
        quantization=dataclasses.replace(
            reference.quantization,
            windows=16,
            task_gate_positives=3,
            tuning_epochs=0,
            tuning_draws=128,
            symmetric_percentile=99.99,
        ),
    )


@pytest.fixture(scope="session")
def records_folder(tmp_path_factory):
    """`ptbxl`: half sinus rhythm, half atrial fibrillation, in all folds; `af2017`: the same through lead I."""
    folder = tmp_path_factory.mktemp("records")
    origin = Origin("simulated", "none", TASKS, rate=100, samples=1000)
    write_records(folder / "ptbxl", origin, [_candidate(k, k // 8 + 1) for k in range(FOLDS * 8)], progress=False)
    lead_one = [_candidate(100 + k, (1, 2, 9)[k // 8], leads=1) for k in range(24)]
    write_records(folder / "af2017", origin, lead_one, progress=False)
    return folder


def _candidate(k, fold, leads=8):
    af = k % 2 == 0
    signal = simulate([Segment(10, ATRIAL_FIBRILLATION if af else SINUS)], 100, k).signal[KEPT].astype(np.float32)
    signal[leads:] = np.nan
    labels = {"AFIB": float(af)} | ({"NORM": float(not af)} if leads == 8 else {})
    return Candidate(str(k), lambda: [Record(f"{k}@0", f"p-{k}", f"{k}", 100, signal, labels, fold=fold)])


@pytest.fixture(scope="session")
def joint(tiny, records_folder):
    return open_joint(records_folder, tiny)


@pytest.fixture
def unused_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
