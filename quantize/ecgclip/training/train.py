"""Training of one network on all sets of a recipe, from random weights, a pre-trained encoder or a finished bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ecgclip.augment import Augment
from ecgclip.config import ROOT, Recipe
from ecgclip.data.joint import Joint
from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError
from ecgclip.metrics import auroc, prauc
from ecgclip.model import Network, load_encoder
from ecgclip.training.first_heads import first_heads
from ecgclip.training.start import start_from
from ecgclip.training.teacher import Teacher
from ecgclip.whole_file import whole_file

THREADS = 1  # fixed, because the order of a sum depends on it; and on a busy machine two wait more than they work
STATISTICS = 256  # windows that batch norm begins with
WATCH_EVERY = 5  # epochs
WATCHED = 256  # windows of each set
SMALLEST_WEIGHT = 1e-9  # of a batch none of whose labels is known, whose loss is 0


def train(recipe: Recipe, joint: Joint, checkpoint: Path | None = None, *, progress: bool = True) -> Network:
    """Train by the recipe; the result is the running average of the weights, which generalises better.

    Validation records are only watched: nothing here is chosen by them. After each epoch everything goes into
    `checkpoint`; a run that finds it there goes on to what it would have become without the interruption.
    """
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    settings = recipe.training
    network = Network(recipe.model, len(joint.tasks))
    if settings.start.endswith(".pt"):
        network.encoder = load_encoder(ROOT / settings.start, recipe.model)
        if settings.head_windows:
            first_heads(network, joint, settings.head_windows, recipe.seed)
    elif settings.start:
        rows = joint.epoch(generator)[:STATISTICS]
        start_from(bundle_of(settings.start), network, recipe.model, joint.tasks, torch.from_numpy(joint.twelve(rows)))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
    teacher = Teacher(bundle_of(settings.teacher), joint.tasks) if settings.teacher else None
    augment = Augment(recipe.augment, recipe.model.rate, generator)

    batches = len(joint.epoch(torch.Generator().manual_seed(0))) // settings.batch
    if not batches:
        raise EcgclipError(f"An epoch has fewer windows than a batch, {settings.batch}: import more, or lower it.")
    decay = 1 - 1 / (settings.ema_epochs * batches)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    optimiser = torch.optim.AdamW(_parameter_groups(network, settings.weight_decay), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, epochs=settings.epochs, steps_per_epoch=batches
    )
    parts = {"network": network, "average": average, "optimiser": optimiser, "schedule": schedule}
    done = _restore(checkpoint, recipe, joint, parts, generator) if checkpoint and checkpoint.exists() else 0
    epochs = range(done, settings.epochs)
    bar = tqdm(epochs, desc="training", unit="epoch", disable=not progress)
    for epoch in bar:
        network.train()
        total = 0.0
        rows = joint.epoch(generator)[: batches * settings.batch]
        for part in rows.reshape(batches, settings.batch):
            eight, present = (torch.from_numpy(array) for array in joint.eight(part))
            with torch.no_grad():
                whole, x = augment(network.encoder.preprocess.remove_baseline(eight), present, joint.flips(part))
            target = torch.from_numpy(joint.labels[part])
            target = target + settings.label_smoothing * (0.5 - target)
            shares = joint.teacher_shares(part)
            if teacher and (taught := shares > 0).any():
                told = teacher(whole[taught])
                mixed = target[taught].lerp(told, shares[taught, None])
                target[taught] = torch.where(told.isfinite(), mixed, target[taught])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=settings.bfloat16):
                embedding, _ = network.encoder(x)
            loss = masked_loss(network.answer(x, embedding.float()), target, joint.weights(part)[:, None])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            average.update_parameters(network)
            total += loss.item()
        bar.set_postfix(loss=f"{total / batches:.4f}")
        if checkpoint:
            _keep(checkpoint, recipe, joint, parts, generator, epoch + 1)
        if progress and (epoch + 1) % WATCH_EVERY == 0:
            bar.write(f"epoch {epoch + 1}: loss {total / batches:.4f}; {_watch(average.module, joint)}")
    trained = average.module
    assert isinstance(trained, Network)
    return trained.eval()


def trained_by(recipe: Recipe) -> str:
    """What of a recipe weights depend on; folds that are only validated with do not matter."""
    sets = [replace(each, validation_folds=()) for each in recipe.sets]
    return repr((recipe.seed, recipe.data, sets, recipe.model, recipe.augment, recipe.training))


def load_network(recipe: Recipe, joint: Joint, work: Path) -> Network:
    """Weights of the train step."""
    if not (work / "network.pt").is_file():
        raise EcgclipError(f"{work / 'network.pt'} is not there: run `train` first.")
    saved = torch.load(work / "network.pt", weights_only=True)
    if tuple(saved["tasks"]) != joint.tasks:
        raise EcgclipError(f"{work / 'network.pt'} was trained for other tasks: train again.")
    if saved.get("recipe", trained_by(recipe)) != trained_by(recipe):  # older files do not say
        raise EcgclipError(
            f"{work / 'network.pt'} was trained by another recipe or from another --encoder: train again, "
            "or give another --work."
        )
    if saved.get("records", joint.who()) != joint.who():
        raise EcgclipError(f"{work / 'network.pt'} was trained with other records or folds: train again.")
    network = Network(recipe.model, len(joint.tasks))
    network.load_state_dict(saved["weights"])
    return network.eval()


def bundle_of(folder: str) -> Path:
    """Folder of a bundle that a recipe names."""
    path = ROOT / folder
    if not (path / "manifest.json").is_file():
        raise EcgclipError(f"No bundle at {path}, which the recipe names: `make {folder.split('/models/')[0]}` first.")
    return path


def _keep(
    checkpoint: Path, recipe: Recipe, joint: Joint, parts: Mapping[str, Any], generator: torch.Generator, epoch: int
) -> None:
    """Write a checkpoint; a power cut leaves the one before."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {
        "recipe": repr(recipe),
        "records": joint.who(),
        "epoch": epoch,
        "generator": generator.get_state(),
        "random": torch.get_rng_state(),
    }
    with whole_file(checkpoint) as draft:
        torch.save(state, draft)


def _restore(
    checkpoint: Path, recipe: Recipe, joint: Joint, parts: Mapping[str, Any], generator: torch.Generator
) -> int:
    """Epochs that are done."""
    state = torch.load(checkpoint, weights_only=True)
    if state["recipe"] != repr(recipe):
        raise EcgclipError(f"{checkpoint} is of another recipe: remove it to begin anew.")
    if state.get("records", joint.who()) != joint.who():
        raise EcgclipError(f"{checkpoint} is of other records or folds: remove it to begin anew.")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    generator.set_state(state["generator"])
    torch.set_rng_state(state["random"])
    return int(state["epoch"])


def masked_loss(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy over the labels that are known; NaN is unknown and gives no gradient."""
    share = target.isfinite() * weights
    each = binary_cross_entropy_with_logits(logits, target.nan_to_num(), reduction="none")
    return (each * share).sum() / share.sum().clamp(min=SMALLEST_WEIGHT)


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


def _watch(network: torch.nn.Module, joint: Joint) -> str:
    assert isinstance(network, Network)
    found = []
    for settings in joint.sets:
        rows = joint.rows(joint.validation, settings.name)
        if not len(rows):
            continue
        rows = rows[:: -(-len(rows) // WATCHED)]
        scores, truth = predict(network, joint.twelve(rows)), joint.labels[rows]
        areas = [
            [metric(truth[known, k], scores[known, k])[0] for metric in (auroc, prauc)]
            for k in range(truth.shape[1])
            if (known := np.isfinite(truth[:, k])).any() and 5 <= truth[known, k].sum() < known.sum()
        ]
        if areas:
            mean = np.mean(areas, axis=0)
            found.append(f"{settings.name} AUROC {mean[0]:.3f} PRAUC {mean[1]:.3f} of {len(areas)}")
    return ", ".join(found)
