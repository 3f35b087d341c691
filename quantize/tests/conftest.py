"""A tiny world: simulated PTB-XL-like data and a recipe that trains in seconds."""

import dataclasses
import socket
from pathlib import Path

import numpy as np
import pytest

from ecgclip.config import load_recipe
from ecgclip.data import Dataset
from ecgclip.simulate import ATRIAL_FIBRILLATION, SINUS, Segment, simulate

RECIPES = Path(__file__).parents[1] / "recipes"
TASKS = ("AFIB", "NORM")
FOLDS = 9


@pytest.fixture(scope="session")
def reference():
    return load_recipe(RECIPES / "reference-r18.toml")


@pytest.fixture(scope="session")
def tiny(reference):
    """The reference recipe, two hundred times smaller."""
    return dataclasses.replace(
        reference,
        model=dataclasses.replace(reference.model, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1), dropout=0.0),
        training=dataclasses.replace(reference.training, epochs=5, batch=8),
        calibration=dataclasses.replace(reference.calibration, bootstraps=50, minimum_validation_positives=3),
        quantization=dataclasses.replace(reference.quantization, windows=16, task_gate_positives=3),
    )


@pytest.fixture(scope="session")
def dataset():
    """Half sinus rhythm, half atrial fibrillation, spread over the folds."""
    conditions = (Segment(10, SINUS), Segment(10, ATRIAL_FIBRILLATION))
    count = FOLDS * 8
    truth = np.arange(count) % 2
    signals = [simulate([conditions[1 - kind]], 100, seed).signal for seed, kind in enumerate(truth)]
    labels = np.stack([1 - truth, truth], axis=1).astype(np.float32)
    return Dataset(
        ids=np.arange(count),
        folds=np.arange(count) // 8 + 1,
        signals=np.stack(signals).astype(np.float32),
        labels=labels,
        tasks=TASKS,
        rejected=(),
    )


@pytest.fixture
def unused_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
