"""Heads for a pre-trained encoder to begin training with.

Under random ones the first steps would undo what the encoder knows (Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import numpy as np
import torch

from ecgclip.data.joint import Joint
from ecgclip.model import Network
from ecgclip.training.fit_heads import fit_heads

BATCH = 64
PENALTY = 0.01  # on the square of a standardised weight


def first_heads(network: Network, joint: Joint, windows: int, seed: int) -> None:
    """Fit all heads on the embeddings of at most `windows` training windows of each set, with all their leads."""
    random = np.random.default_rng(seed)
    rows = np.concatenate([random.permutation(joint.rows(joint.training, each.name))[:windows] for each in joint.sets])
    network.eval()
    with torch.inference_mode():
        parts = (torch.from_numpy(joint.twelve(part)) for part in np.array_split(rows, -(-len(rows) // BATCH)))
        features = np.concatenate([network.encoder(part)[0].numpy() for part in parts])
    tasks = len(joint.tasks)
    nothing = np.zeros((tasks, features.shape[1]))
    weights, biases = fit_heads(
        features, joint.labels[rows], nothing, nothing[:, 0], np.zeros((len(rows), tasks)), PENALTY
    )
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(weights))
        network.head.bias.copy_(torch.from_numpy(biases))
