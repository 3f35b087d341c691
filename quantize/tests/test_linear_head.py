"""Linear heads against scikit-learn's, and what unknown labels and quantities do to them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from ecgclip.transfer.linear_head import PENALTIES, fit, fit_head

RNG = np.random.default_rng(3)
MIXED = RNG.normal(size=(8, 8)) * np.array([5, 3, 1, 1, 0.5, 0.2, 0.1, 0.01])


def features(count, seed=0):
    return (np.random.default_rng(seed).normal(size=(count, 8)) @ MIXED.T + 2).astype(np.float32)


def answers(x, share=0.3, seed=1):
    score = x[:, 0] - x[:, 1] + np.random.default_rng(seed).normal(size=len(x))
    return (score > np.quantile(score, 1 - share)).astype(np.float32)


@pytest.mark.parametrize("count", [300, 6])  # more records than features, and fewer
@pytest.mark.parametrize("penalty", [1.0, 0.01])
def test_logistic_regression_agrees_with_scikit_learn(count, penalty):
    x = features(count)
    y = np.stack([answers(x, share) for share in (0.5, 0.2)], axis=1)
    head = fit(x, y, penalty, binary=True)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    for k in range(2):
        theirs = LogisticRegression(C=1 / (2 * penalty * count), tol=1e-8, max_iter=2000).fit(scaled, y[:, k])
        np.testing.assert_allclose(head(x)[:, k], theirs.decision_function(scaled), atol=2e-3)


def test_ridge_agrees_with_scikit_learn():
    x = features(200)
    y = (3 * x[:, :1] + 50).astype(np.float32)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = Ridge(alpha=0.1 * 200).fit(scaled, y)
    np.testing.assert_allclose(fit(x, y, 0.1, binary=False)(x)[:, 0], theirs.predict(scaled).reshape(-1), rtol=1e-3)


@pytest.mark.parametrize("binary", [True, False])
def test_an_unknown_label_is_as_if_its_record_were_not_there(binary):
    x = features(120)
    y = answers(x)[:, None] if binary else x[:, :1] * 2
    hidden = y.copy()
    hidden[40:] = np.nan
    # The other task keeps the mean and scale of the features what they are.
    both = fit(x, np.concatenate([hidden, y], axis=1), 0.1, binary=binary)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    if binary:
        theirs = (
            LogisticRegression(C=1 / (2 * 0.1 * 40), tol=1e-8).fit(scaled[:40], y[:40, 0]).decision_function(scaled)
        )
    else:
        theirs = Ridge(alpha=0.1 * 40).fit(scaled[:40], y[:40, 0]).predict(scaled)
    np.testing.assert_allclose(both(x)[:, 0], theirs, atol=5e-3)


def test_a_task_without_both_answers_scores_zero_and_breaks_nothing():
    x = features(60)
    y = np.stack([np.zeros(60), answers(x), np.full(60, np.nan)], axis=1).astype(np.float32)
    head, _ = fit_head(x, y, np.array([True, True, True]), [k % 3 for k in range(60)])
    assert not head(x)[:, [0, 2]].any()
    assert head(x)[:, 1].std() > 0


def test_noise_chooses_a_stronger_penalty_than_what_can_be_learned():
    x = features(150)
    clear = (x[:, 0] > x[:, 0].mean()).astype(np.float32)[:, None]
    noise = np.random.default_rng(5).integers(0, 2, (150, 1)).astype(np.float32)
    inner = [k % 4 for k in range(150)]
    (_, (strong, _)), (_, (weak, _)) = (fit_head(x, y, np.array([True]), inner) for y in (noise, clear))
    assert strong > weak
    assert {strong, weak} <= set(PENALTIES)


def test_quantities_and_answers_are_fitted_side_by_side():
    x = features(100)
    y = np.stack([answers(x), 10 * x[:, 2]], axis=1).astype(np.float32)
    head, penalties = fit_head(x, y, np.array([True, False]), [k % 4 for k in range(100)])
    assert np.corrcoef(head(x)[:, 1], y[:, 1])[0, 1] > 0.9
    assert np.isfinite(penalties).all()


def test_records_that_are_all_in_one_fold_choose_no_penalty_and_still_give_a_head():
    """As two records, 1 % of two hundred, may be: the strongest penalty is the careful one."""
    x = features(2)
    y = np.array([[0, 1], [1, 0]], np.float32)
    head, (penalty, _) = fit_head(x, y, np.array([True, True]), [1, 1])
    assert penalty == max(PENALTIES)
    assert (np.sign(head(x)) == 2 * y - 1).all()
