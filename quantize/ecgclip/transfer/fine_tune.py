"""Training of a whole network from an encoder on labelled records, of which some labels may be unknown.

It begins with the head of the frozen probe: under a random one the first steps would undo what the encoder knows (Kumar
et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from ecgclip.augment import Augment
from ecgclip.config import AugmentRecipe, ModelRecipe
from ecgclip.data.records import Floats, Records, millivolts
from ecgclip.model import Encoder, Network
from ecgclip.transfer.encoders import batches
from ecgclip.transfer.linear_head import LinearHead


@dataclass(frozen=True)
class Budget:
    """The same for every encoder that is compared."""

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    bfloat16: bool


def fine_tune(
    encoder: Encoder,
    head: LinearHead,
    model: ModelRecipe,
    variation: AugmentRecipe,
    records: Records,
    rows: np.ndarray,
    labels: Floats,
    binary: npt.NDArray[np.bool_],
    budget: Budget,
    seed: int,
    *,
    progress: bool = True,
) -> Network:
    """A network trained on `rows` from these; `labels` [rows, tasks] are 0 or 1, or standardised quantities."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = Network(model, labels.shape[1])
    network.encoder = copy.deepcopy(encoder)
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(head.weights))
        network.head.bias.copy_(torch.from_numpy(head.biases))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
    augment = Augment(variation, model.rate, generator)
    optimiser = torch.optim.AdamW(network.parameters(), budget.learning_rate, weight_decay=budget.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, budget.learning_rate, total_steps=budget.steps, pct_start=0.2
    )
    mask = torch.from_numpy(binary)
    network.train()
    order = torch.empty(0, dtype=torch.int64)
    for _ in tqdm(range(budget.steps), desc="fine-tuning", disable=not progress):
        while len(order) < min(budget.batch, len(rows)):
            order = torch.cat([order, torch.randperm(len(rows), generator=generator)])
        part, order = order[: budget.batch].numpy(), order[budget.batch :]
        eight = torch.from_numpy(millivolts(records.signals[rows[part]]))
        with torch.no_grad():
            x, _ = augment(
                network.encoder.preprocess.remove_baseline(eight),
                torch.from_numpy(records.present[rows[part]]),
                torch.zeros(len(part)),
            )
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=budget.bfloat16):
            embedding, _ = network.encoder(x)
        outputs = network.head(network.dropout(embedding.float()))
        loss = masked_loss(outputs, torch.from_numpy(labels[part]), mask)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return network.eval()


def masked_loss(outputs: Tensor, labels: Tensor, binary: Tensor) -> Tensor:
    """Mean over the known labels: cross-entropy of binary tasks, squared error of quantities; NaN gives no gradient."""
    known, there = labels.isfinite(), labels.nan_to_num()
    logistic = binary_cross_entropy_with_logits(outputs, there.clamp(0, 1), reduction="none")
    each = torch.where(binary, logistic, (outputs - there).square())
    return (each * known).sum() / known.sum().clamp(min=1)


def predict(network: Network, records: Records, rows: np.ndarray) -> Floats:
    """[n, tasks], with all leads that a record has."""
    with torch.inference_mode():
        parts = (torch.from_numpy(records.millivolts(part)) for part in batches(rows))
        return np.concatenate([network(part).logits.numpy() for part in parts])
