"""Training of one network."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ecgclip.augment import Augment
from ecgclip.config import Recipe
from ecgclip.data import Dataset, Floats
from ecgclip.metrics import auroc, macro, prauc
from ecgclip.model import Network

THREADS = 1  # fixed, because the order of a sum depends on it; and on a busy machine two wait more than they work


def train(recipe: Recipe, training: Dataset, validation: Dataset | None = None, *, progress: bool = True) -> Network:
    """Train by the recipe; the result is the running average of the weights, which generalises better.

    Validation records are only watched: nothing here is chosen by them.
    """
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    settings = recipe.training
    network = Network(recipe.model, len(training.tasks))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
    augment = Augment(recipe.augment, recipe.model.rate, generator)
    with torch.no_grad():
        signals = network.encoder.preprocess.remove_baseline(torch.from_numpy(training.signals))
    labels = torch.from_numpy(training.labels)

    batches = len(labels) // settings.batch
    decay = 1 - 1 / (settings.ema_epochs * batches)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    optimiser = torch.optim.AdamW(_parameter_groups(network, settings.weight_decay), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, epochs=settings.epochs, steps_per_epoch=batches
    )
    bar = tqdm(range(settings.epochs), desc="training", unit="epoch", disable=not progress)
    for _ in bar:
        network.train()
        total = 0.0
        for rows in torch.randperm(len(labels), generator=generator)[: batches * settings.batch].split(settings.batch):
            x, y = augment(signals[rows]), labels[rows]
            y = y + settings.label_smoothing * (0.5 - y)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(x).logits
            loss = binary_cross_entropy_with_logits(logits.float(), y)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            average.update_parameters(network)
            total += loss.item()
        if progress and validation is not None:
            bar.set_postfix(_watch(average.module, validation), loss=f"{total / batches:.4f}")
    trained = average.module
    assert isinstance(trained, Network)
    return trained.eval()


def predict(network: Network, signals: Floats, batch: int = 256) -> Floats:
    """Logits of records in millivolts, in float32."""
    network.eval()
    with torch.inference_mode():
        return np.concatenate([network(part).logits.numpy() for part in torch.from_numpy(signals).split(batch)])


def _parameter_groups(network: Network, weight_decay: float) -> list[dict[str, object]]:
    """Decay the weights of convolutions and of the head, not biases and batch norm."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _watch(network: torch.nn.Module, validation: Dataset) -> dict[str, str]:
    assert isinstance(network, Network)
    scores = predict(network, validation.signals)
    return {
        "auroc": f"{macro(auroc, validation.labels, scores, 5):.3f}",
        "prauc": f"{macro(prauc, validation.labels, scores, 5):.3f}",
    }
