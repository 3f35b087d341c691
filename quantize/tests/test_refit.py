"""Heads fitted on embeddings, checked against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ecgclip import steps
from ecgclip.config import RefitRecipe
from ecgclip.export.onnx_export import linear_heads, logits
from ecgclip.metrics import auroc
from ecgclip.training.fit_heads import fit_heads
from ecgclip.training.refit import refit_heads


def test_without_a_penalty_it_is_logistic_regression_and_unknown_labels_do_not_count():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(400, 3)) * [1, 5, 0.2] + [0, 3, 1]).astype(np.float32)
    y = (rng.random(400) < 1 / (1 + np.exp(-(x[:, 0] - 0.3 * x[:, 1] + 1)))).astype(np.float32)
    y[:100] = np.nan
    weights, biases = fit_heads(x, y[:, None], np.zeros((1, 3)), np.zeros(1), np.zeros((400, 1)), penalty=0.0)
    theirs = LogisticRegression(C=1e9, max_iter=1000).fit(x[100:], y[100:])
    np.testing.assert_allclose(weights, theirs.coef_, atol=0.02)
    assert biases[0] == pytest.approx(theirs.intercept_[0], abs=0.02)


def test_a_high_penalty_keeps_the_old_weights():
    x = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    weights, _ = fit_heads(
        x, (x[:, :1] > 0).astype(np.float32), np.array([[0.0, 2.0]]), np.zeros(1), np.zeros((200, 1)), penalty=1e4
    )
    np.testing.assert_allclose(weights, [[0.0, 2.0]], atol=0.01)


def test_fitted_heads_are_in_both_graphs_and_other_tasks_are_as_they_were(tiny, joint, tmp_path):
    steps.train_step(tiny, joint, tmp_path, progress=False)
    steps.export_step(tiny, joint, tmp_path, progress=False)
    before, _ = linear_heads(tmp_path / "fp32.onnx")
    refit = RefitRecipe(tasks=("NORM",), sets=("ptbxl",), windows=1000, teacher_share=0.0, penalty=1e-3)
    graphs = [tmp_path / f"{variant}.onnx" for variant in steps.VARIANTS]
    refit_heads(tiny, refit, joint, tmp_path / "int8.onnx", graphs)
    af, normal = (joint.tasks.index(task) for task in ("AFIB", "NORM"))
    heads = [linear_heads(tmp_path / f"{variant}.onnx") for variant in steps.VARIANTS]
    np.testing.assert_array_equal(heads[0][0], heads[1][0])
    np.testing.assert_array_equal(heads[0][0][af], before[af])
    assert abs(heads[0][0][normal] - before[normal]).max() > 0
    rows = joint.rows(joint.training, "ptbxl")
    scores = logits(tmp_path / "int8.onnx", joint.twelve(rows))
    assert auroc(joint.labels[rows, normal], scores[:, normal])[0] > 0.8
