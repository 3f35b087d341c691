"""Heads by logistic regression on standardised embeddings, held near the ones that are there."""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ecgclip.data.records import Floats
from ecgclip.metrics import Array

STEPS = 60  # of L-BFGS, full batch


def fit_heads(
    features: Floats, labels: Floats, weights: Array, biases: Array, offsets: Array, penalty: float
) -> tuple[Array, Array]:
    """New (weights [tasks, 2C], biases [tasks]) from old ones; NaN labels do not count.

    `offsets` [n, tasks] is what else is added to a window's logits; `penalty` is on the squared change of each
    standardised weight.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    x = torch.from_numpy((features - mean) / scale).double()
    y = torch.from_numpy(labels).double()
    known = y.isfinite()
    given = torch.from_numpy(offsets).double()
    old = torch.from_numpy(weights * scale).double()
    new = old.clone().requires_grad_()
    bias = torch.from_numpy(biases + weights @ mean).double().requires_grad_()
    optimiser = torch.optim.LBFGS([new, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        each = binary_cross_entropy_with_logits(x @ new.T + bias + given, y.nan_to_num(), reduction="none")
        value = ((each * known).sum(dim=0) / known.sum(dim=0).clamp(min=1)).sum() + penalty * (new - old).square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    fitted = new.detach().numpy() / scale
    return fitted, bias.detach().numpy() - fitted @ mean
