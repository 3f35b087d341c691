"""The network: a one-dimensional ResNet written as Conv2d (1, k), from millivolts to logits.

Two-dimensional convolutions of height 1 because every int8 runtime and NPU fuses those, and few fuse Conv1d.
Preprocessing is part of the graph, so that no program that runs it can get it wrong. Time is on the last axis
throughout.
"""

from __future__ import annotations

import dataclasses
import math
import pickle
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ecgclip.config import ModelRecipe
from ecgclip.errors import EcgclipError
from ecgclip.whole_file import whole_file

UNREADABLE = (OSError, EOFError, KeyError, RuntimeError, TypeError, pickle.UnpicklingError)  # half a file, or another
CHEST = 6  # the first of the chest leads


class Output(NamedTuple):
    """What the exported graph returns, in this order."""

    logits: Tensor  # [N, tasks], before calibration
    embedding: Tensor  # [N, 2C] (mean-max pool): mean and maximum over time of the features
    features: Tensor  # [N, C, L]: the map before pooling; head weights x features is class-activation saliency


class Preprocess(nn.Module):
    """Baseline removal, clipping and a fixed gain; [N, leads, samples] mV -> [N, leads, 1, samples].

    The baseline is the projection on the cosines of the window below `highpass_hz`. An orthogonal projection has no
    phase, no edge transient to speak of, costs two thin matrix products, and leaves an all-zero lead all-zero. The
    gain is fixed, not fitted to the window: voltage criteria need millivolts, and one artefact must not shrink
    eleven good leads.
    """

    cosines: Tensor

    def __init__(self, recipe: ModelRecipe) -> None:
        super().__init__()
        self.clip_mv = recipe.clip_mv
        self.gain = recipe.gain_per_mv
        count = math.ceil(recipe.highpass_hz * 2 * recipe.samples / recipe.rate)
        time = (torch.arange(recipe.samples, dtype=torch.float64) + 0.5) * math.pi / recipe.samples
        cosines = torch.cos(time[:, None] * torch.arange(count, dtype=torch.float64))
        self.register_buffer("cosines", (cosines / cosines.norm(dim=0)).float(), persistent=False)

    def remove_baseline(self, x: Tensor) -> Tensor:
        """Subtract the projection; keeps shape and unit."""
        return x - (x @ self.cosines) @ self.cosines.T

    def forward(self, x: Tensor) -> Tensor:
        """Millivolts to what the stem reads."""
        x = self.remove_baseline(x).clamp(-self.clip_mv, self.clip_mv)
        return (x * self.gain).unsqueeze(2)


class Block(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, outputs, kernel, stride)
        self.conv2 = _conv(outputs, outputs, kernel, 1)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, 1, L] -> [N, outputs, 1, L / stride]."""
        return torch.relu(self.conv2(torch.relu(self.conv1(x))) + self.shortcut(x))


class MeanMaxPool(nn.Module):
    """Mean and maximum over time, [N, C, L] -> [N, 2C]: linear heads behind it can show what they looked at."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = 2 * channels

    def forward(self, x: Tensor) -> Tensor:
        """Pool the features."""
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)


class AttentionPool(nn.Module):
    """MERL's: one query over all instants and their mean, with learned positions, [N, C, L] -> [N, C / 2].

    For comparison with published encoders only; it does not quantize, and its logits are not linear in the features.
    """

    def __init__(self, channels: int, length: int, heads: int = 4) -> None:
        super().__init__()
        self.width = channels // 2
        self.down = nn.Conv1d(channels, self.width, 1)
        self.positions = nn.Parameter(torch.randn(length + 1, self.width) / self.width**0.5)
        self.query = nn.Parameter(torch.randn(1, 1, self.width))
        self.attention = nn.MultiheadAttention(self.width, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Pool the features."""
        tokens = self.down(x).transpose(1, 2)
        tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1) + self.positions
        query = self.query.expand(len(x), 1, self.width)
        pooled: Tensor = self.attention(query, tokens, tokens, need_weights=False)[0]
        return pooled.squeeze(1)


class Encoder(nn.Module):
    """ECG window in millivolts -> pooled embedding and the features before pooling: what pre-training makes."""

    def __init__(self, recipe: ModelRecipe) -> None:
        super().__init__()
        self.preprocess = Preprocess(recipe)
        self.stem = _conv(recipe.leads, recipe.widths[0], recipe.stem_kernel, 2)
        widths = (recipe.widths[0], *recipe.widths)
        self.stages = nn.Sequential(
            *(
                Block(widths[stage] if first else width, width, recipe.kernel, 2 if first and stage > 0 else 1)
                for stage, (width, blocks) in enumerate(zip(recipe.widths, recipe.blocks, strict=True))
                for first in [True] + [False] * (blocks - 1)
            )
        )
        length = -(-recipe.samples // 2 ** len(recipe.widths))
        channels = recipe.widths[-1]
        self.pool = AttentionPool(channels, length) if recipe.pool == "attention" else MeanMaxPool(channels)
        self.width = self.pool.width

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N, leads, samples] mV, absent leads all zero -> [N, width] and [N, C, L]."""
        features = self.stages(torch.relu(self.stem(self.preprocess(x)))).squeeze(2)
        return self.pool(features), features


class Network(nn.Module):
    """ECG window in millivolts -> `Output`: an encoder, one linear head a task, and what limb leads alone change.

    A device of one or two leads shows less of the heart, and is worn by other people: the same evidence means something
    else there. So each task has an offset for windows without chest leads, and one threshold fits both.
    """

    def __init__(self, recipe: ModelRecipe, tasks: int) -> None:
        super().__init__()
        self.encoder = Encoder(recipe)
        self.dropout = nn.Dropout(recipe.dropout)
        self.head = nn.Linear(self.encoder.width, tasks)
        self.limb_only = nn.Parameter(torch.zeros(tasks))

    def forward(self, x: Tensor) -> Output:
        """[N, leads, samples] mV, absent leads all zero."""
        embedding, features = self.encoder(x)
        return Output(self.answer(x, embedding), embedding, features)

    def answer(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Logits of windows [N, leads, samples] with these embeddings [N, 2C]."""
        without_chest = (x[:, CHEST:].abs().amax(dim=(1, 2)) <= 0).to(x.dtype)
        logits: Tensor = self.head(self.dropout(embedding)) - without_chest[:, None] * self.limb_only
        return logits


def save_encoder(path: Path, encoder: Encoder, recipe: ModelRecipe, **more: object) -> None:
    """Write an encoder with the geometry that it has: {"recipe": dict, "weights": state dict} and what is given."""
    with whole_file(path) as draft:
        torch.save({"recipe": dataclasses.asdict(recipe), "weights": encoder.state_dict(), **more}, draft)


def saved_geometry(path: Path) -> ModelRecipe:
    """What an encoder's file says of its network."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)["recipe"]
        return ModelRecipe(**saved | {name: tuple(saved[name]) for name in ("widths", "blocks")})
    except UNREADABLE as error:
        raise EcgclipError(f"{path} is no encoder checkpoint: run `pretrain` to make one.") from error


def load_encoder(path: Path, recipe: ModelRecipe) -> Encoder:
    """Read an encoder, ours or anyone's saved in this form; its geometry must be the recipe's (dropout may differ)."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        theirs, weights = saved["recipe"], saved["weights"]
    except UNREADABLE as error:
        raise EcgclipError(f"{path} is no encoder checkpoint: run `pretrain` to make one.") from error
    ours = dataclasses.asdict(recipe)
    if theirs | {"dropout": recipe.dropout} != ours:
        raise EcgclipError(f"{path} has another geometry ({theirs}) than the recipe ({ours}): change either.")
    encoder = Encoder(recipe)
    encoder.load_state_dict(weights)
    return encoder


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, (1, kernel), (1, stride), (0, kernel // 2), bias=False), nn.BatchNorm2d(outputs)
    )
