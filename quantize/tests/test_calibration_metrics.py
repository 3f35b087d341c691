"""Calibration figures against scikit-learn's, which know nothing of weights by draw."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from ecgclip.judging.calibration_metrics import brier, calibration_slope


@pytest.fixture
def answers():
    """Probabilities that are too sure: the logit is 1.7 times what it should be."""
    random = np.random.default_rng(0)
    z = random.normal(-1, 1.5, 400)
    truth = (random.random(400) < 1 / (1 + np.exp(-z))).astype(float)
    return truth, 1 / (1 + np.exp(-1.7 * z))


def test_brier_is_the_mean_squared_distance(answers):
    truth, p = answers
    assert brier(truth, p)[0] == pytest.approx(brier_score_loss(truth, p))


def test_slope_is_that_of_a_logistic_regression_without_penalty(answers):
    truth, p = answers
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(np.log(p / (1 - p))[:, None], truth)
    assert calibration_slope(truth, p)[0] == pytest.approx(fitted.coef_[0, 0], abs=1e-4)
    assert calibration_slope(truth, p)[0] < 0.8


def test_a_weight_counts_a_record_that_often(answers):
    truth, p = answers
    weights = np.random.default_rng(1).multinomial(400, np.full(400, 1 / 400), 3).astype(float)
    for metric in (brier, calibration_slope):
        repeated = [metric(np.repeat(truth, w.astype(int)), np.repeat(p, w.astype(int)))[0] for w in weights]
        np.testing.assert_allclose(metric(truth, p, weights), repeated, rtol=1e-6)


def test_records_of_unknown_label_do_not_count(answers):
    truth, p = answers
    unknown = np.where(np.arange(400) < 100, np.nan, truth)
    for metric in (brier, calibration_slope):
        assert metric(unknown, p)[0] == pytest.approx(metric(truth[100:], p[100:])[0])


def test_classes_that_a_threshold_separates_have_no_slope():
    truth = np.array([0, 0, 0, 1, 1.0])
    assert np.isnan(calibration_slope(truth, np.array([0.1, 0.2, 0.3, 0.6, 0.7]))[0])
