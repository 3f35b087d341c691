"""Regularised linear heads on frozen embeddings; a label may be NaN (unknown), and such a record does not count.

Logistic regression where the label is 0 or 1, ridge regression where it is a quantity. One penalty serves all tasks of
a kind, because a task with three positives cannot choose one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ecgclip.data.records import Floats
from ecgclip.metrics import Flags

PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)  # on the squared weights, against the mean loss of a task
STEPS = 50  # of L-BFGS, full batch, preconditioned
SMALLEST_SCALE = 1e-6  # of a feature that never changes

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearHead:
    """Scores of a task: features x weights + bias; all zero where nothing could be learned."""

    weights: Array  # [tasks, D]
    biases: Array  # [tasks]

    def __call__(self, features: Floats) -> Floats:
        """[N, D] to [N, tasks]."""
        scores: Floats = (features @ self.weights.T + self.biases).astype(np.float32)
        return scores


def fit_head(features: Floats, labels: Floats, binary: Flags, inner: Sequence[int]) -> tuple[LinearHead, list[float]]:
    """A head, and its penalties for the binary tasks and for the quantities (NaN where there are none).

    They are chosen by `inner`, the fold of each record among the training records: what is left out is predicted best.
    """
    chosen = {kind: _choose(features, labels[:, binary == kind], np.asarray(inner), kind) for kind in (True, False)}
    weights, biases = np.zeros((len(binary), features.shape[1])), np.zeros(len(binary))
    for kind, penalty in chosen.items():
        if (columns := binary == kind).any():
            head = fit(features, labels[:, columns], penalty, binary=kind)
            weights[columns], biases[columns] = head.weights, head.biases
    return LinearHead(weights, biases), [chosen[True], chosen[False]]


def _choose(features: Floats, labels: Floats, inner: npt.NDArray[np.int64], binary: bool) -> float:
    if not labels.shape[1]:
        return float("nan")
    losses = dict.fromkeys(PENALTIES, 0.0)
    for fold in np.unique(inner):
        apart = inner == fold
        columns = _learnable(labels[~apart])
        if columns.any():
            for penalty in PENALTIES:
                head = fit(features[~apart], labels[~apart][:, columns], penalty, binary=binary)
                losses[penalty] += _loss(head(features[apart]), labels[apart][:, columns], labels[~apart], binary)
    return min(losses, key=lambda penalty: losses[penalty])


def _loss(scores: Floats, labels: Floats, training: Floats, binary: bool) -> float:
    known = np.isfinite(labels)
    if binary:
        each = np.logaddexp(0, scores) - scores * labels
    else:
        each = (scores - labels) ** 2 / np.nanvar(training, axis=0)[_learnable(training)]
    return float(each[known].sum())


def _learnable(labels: Floats) -> Flags:
    """Columns that hold two different answers."""
    known = np.isfinite(labels)
    low = np.where(known, labels, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, labels, -np.inf).max(axis=0, initial=-np.inf)
    return np.asarray(low < high)


def fit(features: Floats, labels: Floats, penalty: float, *, binary: bool) -> LinearHead:
    """Least mean loss of each task plus `penalty` x squared weights of the standardised features."""
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), SMALLEST_SCALE)
    x = ((features - mean) / scale).astype(np.float64)
    columns = np.flatnonzero(_learnable(labels))
    weights, biases = np.zeros((labels.shape[1], x.shape[1])), np.zeros(labels.shape[1])
    if len(columns):
        solve = _logistic if binary else _ridge
        weights[columns], biases[columns] = solve(x, labels[:, columns].astype(np.float64), penalty)
    weights /= scale
    return LinearHead(weights, biases - weights @ mean)


def _logistic(x: Array, labels: Array, penalty: float) -> tuple[Array, Array]:
    # In the principal axes, each divided by the root of its curvature where the search begins, few steps are enough;
    # and records fewer than features leave only as many axes.
    variances, basis = np.linalg.eigh(x.T @ x / len(x))
    variances, basis = (each[..., -min(len(x), x.shape[1]) :] for each in (variances, basis))
    y, inputs = torch.from_numpy(labels), torch.from_numpy(x @ basis)
    known = y.isfinite()
    share, there = known / known.sum(dim=0), y.nan_to_num()
    rate = (share * there).sum(dim=0)
    curvature = (rate * (1 - rate))[:, None] * torch.from_numpy(np.maximum(variances, 0)) + 2 * penalty
    turned = torch.zeros_like(curvature, requires_grad=True)
    bias = torch.logit(rate).clone().requires_grad_()
    optimiser = torch.optim.LBFGS([turned, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        weights = turned / curvature.sqrt()
        each = binary_cross_entropy_with_logits(inputs @ weights.T + bias, there, reduction="none")
        loss = (each * share).sum() + penalty * weights.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    found: Array = (turned / curvature.sqrt()).detach().numpy() @ basis.T
    return found, bias.detach().numpy()


def _ridge(x: Array, labels: Array, penalty: float) -> tuple[Array, Array]:
    weights, biases = np.zeros((labels.shape[1], x.shape[1])), np.zeros(labels.shape[1])
    for k, column in enumerate(labels.T):
        known = np.isfinite(column)
        mean, middle = x[known].mean(axis=0), column[known].mean()
        centred = x[known] - mean
        gram = centred.T @ centred / known.sum() + penalty * np.eye(x.shape[1])
        weights[k] = np.linalg.solve(gram, centred.T @ (column[known] - middle) / known.sum())
        biases[k] = middle - weights[k] @ mean
    return weights, biases
