"""What a finding rests on: which instants, and which leads.

- Class activation comes with every answer of an exported graph, and is what a gateway sends with an alert: the logit,
  less the head's bias, as a sum over the instants of the features. It knows no leads.
- Occlusion asks the graph again without a short stretch of one lead: leads x time, for any variant, and it means what
  it says. An absent lead is given as zero, so the networks know silence from training.
- Integrated gradients (Sundararajan et al. 2017) need the torch network; they are the check of the other two.

An instant of the features stands for `STRIDE` samples around its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ecgclip.metrics import Array
from ecgclip.model import Network

STRIDE = 16  # samples from one instant of the features to the next: the stem and three stages halve the rate
BATCH = 63  # occluded windows that the graph is given at once

Scores = Callable[[Array], Array]  # [n, leads, samples] mV to one logit a window


def class_activation(features: Array, weights: Array) -> Array:
    """[N, C, L] features and one head's [2C] weights on their mean and maximum: [N, L], sums to logit less bias.

    Of a channel's maximum all goes to where it first stands. `gateway/inference/saliency.ts` computes the same.
    """
    channels, length = features.shape[1:]
    over_mean, over_max = weights[:channels], weights[channels:]
    out = np.einsum("ncl,c->nl", features, over_mean, dtype=np.float64) / length
    peaks = features.argmax(axis=2)
    for k, (window, at) in enumerate(zip(features, peaks, strict=True)):
        np.add.at(out[k], at, over_max * window[np.arange(channels), at])
    return np.asarray(out)


def steps(samples: int) -> int:
    """Instants of the features of a window."""
    return -(-samples // STRIDE)


def by_step(values: Array) -> Array:
    """Sum [..., samples] over the samples that stand around each instant: [..., L]."""
    samples = values.shape[-1]
    nearest = np.minimum((np.arange(samples) + STRIDE // 2) // STRIDE, steps(samples) - 1)
    return np.asarray(values @ (nearest[:, None] == np.arange(steps(samples))))


def silence(samples: int) -> Array:
    """[L, samples] factors: 0 in the stretch of one instant, and back to 1 on both sides within half an instant."""
    away = np.abs(np.arange(samples) - STRIDE * np.arange(steps(samples))[:, None])
    return np.asarray(np.clip(2 * away / STRIDE - 1, 0, 1), dtype=np.float32)


def occlusion(scores: Scores, window: Array, leads: npt.NDArray[np.bool_]) -> Array:
    """[12, L]: how much the logit of a [12, samples] window falls without a stretch of a lead; 0 for leads not there.

    Leads hang together: without a stretch of III the network still has it in I and II.
    """
    whole = float(scores(window[None])[0])
    out = np.zeros((len(window), steps(window.shape[1])))
    factors = silence(window.shape[1])
    for lead in np.flatnonzero(leads):
        occluded = np.repeat(window[None], len(factors), axis=0)
        occluded[:, lead] *= factors
        for k in range(0, len(factors), BATCH):
            out[lead, k : k + BATCH] = whole - scores(occluded[k : k + BATCH])
    return out


def integrated_gradients(network: Network, windows: Tensor, task: int, points: int = 64) -> Tensor:
    """[N, leads, samples], from an ECG without any leads to each window; sums to the difference of the logits.

    The baseline is removed first, as the network does: what it does not see gets nothing.
    """
    windows = network.encoder.preprocess.remove_baseline(windows)
    gradient = torch.zeros_like(windows)
    for k in range(points):
        at = (windows * ((k + 0.5) / points)).requires_grad_()
        (part,) = torch.autograd.grad(network(at).logits[:, task].sum(), at)
        gradient += part
    return windows * gradient / points
