"""Own metrics against scikit-learn's, with ties and with weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgclip.metrics import (
    auroc,
    bootstrap,
    columns_with,
    macro,
    mean_absolute_error,
    paired_difference,
    patient_draws,
    pearson,
    prauc,
)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_metrics_agree_with_scikit_learn(seed, decimals):
    rng = np.random.default_rng(seed)
    truth = np.append(rng.random(60) < 0.3, [True, False]).astype(float)
    score = np.round(rng.random(62) + 0.4 * truth, decimals)
    assert prauc(truth, score)[0] == pytest.approx(average_precision_score(truth, score))
    assert auroc(truth, score)[0] == pytest.approx(roc_auc_score(truth, score))
    weights = np.append(rng.integers(0, 3, 60), [1, 1])
    rows = np.repeat(np.arange(62), weights)
    assert prauc(truth, score, weights[None])[0] == pytest.approx(average_precision_score(truth[rows], score[rows]))
    assert auroc(truth, score, weights[None])[0] == pytest.approx(roc_auc_score(truth[rows], score[rows]))


def test_macro_leaves_out_columns_with_too_few_positives():
    truth = np.array([[1, 1], [1, 0], [0, 0], [0, 0]])
    score = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.3], [0.1, 0.4]])
    assert columns_with(truth, 2) == [0]
    assert macro(auroc, truth, score, 2) == 1.0
    assert macro(auroc, truth, score, 1) == 0.5


def test_what_is_unknown_does_not_count():
    truth = np.array([1, np.nan, 0, np.nan, 1, 0])
    score = np.array([0.9, 0.95, 0.3, 0.0, 0.2, 0.1])
    known = np.isfinite(truth)
    for metric in (auroc, prauc):
        assert metric(truth, score)[0] == metric(truth[known], score[known])[0]
    assert columns_with(truth[:, None], 2) == [0]
    assert columns_with(np.array([[1.0], [1.0], [np.nan]]), 2) == []


def test_bootstrap_interval_holds_the_value_and_repeats():
    rng = np.random.default_rng(0)
    truth = (rng.random(300) < 0.2).astype(float)
    score = truth + rng.normal(size=300)
    first, again = (bootstrap(auroc, truth, score, patient_draws(range(300), 200, seed=1)) for _ in range(2))
    assert first == again
    assert first.low < first.value < first.high


def test_records_of_one_patient_are_drawn_together():
    draws = patient_draws(["a", "b", "a", "c", "b"], 50, seed=1)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 2])
    np.testing.assert_array_equal(draws[:, 1], draws[:, 4])
    assert (draws[:, 0] + draws[:, 1] + draws[:, 3] == 3).all()


def test_a_better_score_is_better_in_nearly_all_paired_draws_and_an_equal_one_in_none():
    rng = np.random.default_rng(2)
    truth = (rng.random((400, 2)) < 0.3).astype(float)
    good, bad = truth + rng.normal(size=truth.shape), truth + 3 * rng.normal(size=truth.shape)
    draws = patient_draws(range(400), 200, seed=1)
    difference, p = paired_difference(auroc, truth, good, bad, 5, draws)
    assert p < 0.01
    assert difference.low > 0
    assert paired_difference(auroc, truth, good, good, 5, draws)[1] == 1.0


def test_measures_of_a_quantity_agree_with_numpy_whatever_is_drawn_and_unknown():
    rng = np.random.default_rng(4)
    truth = rng.normal(60, 10, 80)
    score = truth + rng.normal(0, 5, 80)
    truth[::7] = np.nan
    draws = patient_draws(range(80), 3, seed=1)
    for weights, r, error in zip(
        draws, pearson(truth, score, draws), mean_absolute_error(truth, score, draws), strict=True
    ):
        rows = np.repeat(np.arange(80), weights.astype(int))
        rows = rows[np.isfinite(truth[rows])]
        assert r == pytest.approx(np.corrcoef(truth[rows], score[rows])[0, 1])
        assert error == pytest.approx(np.abs(truth[rows] - score[rows]).mean())
