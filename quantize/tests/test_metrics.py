"""Own metrics against scikit-learn's, with ties and with weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgclip.metrics import auroc, bootstrap, columns_with, macro, prauc


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


def test_bootstrap_interval_holds_the_value_and_repeats():
    rng = np.random.default_rng(0)
    truth = (rng.random(300) < 0.2).astype(float)
    score = truth + rng.normal(size=300)
    first, again = (bootstrap(auroc, truth, score, 200, seed=1) for _ in range(2))
    assert first == again
    assert first.low < first.value < first.high
