"""Quantization-aware fine-tuning: weights that give the same answers when they and the activations are rounded.

Rounding is simulated where the int8 graph rounds (export.py): the weights of all convolutions but the stem, and what
comes out of each convolution and addition. Its gradient is taken as that of the identity within the range (Jacob et
al. 2018). Ranges are those of export's calibration, so what lies beyond is cut off; it is also made dear, because the
float graph cuts nothing. The target is what the network says without rounding, so no task drifts and unknown labels do
not matter; each task counts by its own spread, because only the order of its windows does.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations
from tqdm import tqdm

from ecgclip.augment import Augment
from ecgclip.config import Recipe
from ecgclip.data.joint import Joint
from ecgclip.data.records import Floats
from ecgclip.model import Block, Network
from ecgclip.training.train import THREADS

LEVELS = 255  # of an unsigned activation
WEIGHT_LEVELS = 127  # either side of zero; half of them with `reduce_range`


class RoundedWeight(nn.Module):
    """Symmetric, with a scale for each output channel."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, weight: Tensor) -> Tensor:
        """The nearest values that int8 can hold."""
        scale = weight.detach().abs().amax(dim=(1, 2, 3)).clamp(min=1e-8) / self.levels
        zero = torch.zeros(len(scale), dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -self.levels, self.levels)


class RoundedActivation:
    """Forward hook of a module; its first batch gives the range, and is passed on as it is.

    `rectified`: a ReLU follows, so nothing below zero counts.
    """

    def __init__(self, quantile: float, *, rectified: bool) -> None:
        self.quantile = quantile
        self.rectified = rectified
        self.low = self.high = 0.0
        self.overflow = torch.zeros(())  # mean squared excess of the last batch, in ranges

    def __call__(self, _module: nn.Module, _given: object, x: Tensor) -> Tensor:
        """Rounded."""
        if self.high == self.low:
            values = x.detach().numpy()
            self.high = max(float(np.quantile(values.clip(min=0) if self.rectified else values, self.quantile)), 1e-6)
            self.low = 0.0 if self.rectified else min(float(np.quantile(values, 1 - self.quantile)), 0.0)
            return x
        beyond = (x - self.high).clamp(min=0)
        if not self.rectified:
            beyond = beyond + (self.low - x).clamp(min=0)
        self.overflow = (beyond / (self.high - self.low)).square().mean()
        scale = (self.high - self.low) / LEVELS
        return torch.fake_quantize_per_tensor_affine(x, scale, round(-self.low / scale), 0, LEVELS)


def tune(folded: Network, recipe: Recipe, joint: Joint, calibration: Floats, *, progress: bool) -> Network:
    """Fine-tune a network whose batch norms are folded, for the recipe's epochs; none returns it as it is."""
    settings = recipe.quantization
    if not settings.tuning_epochs:
        return folded
    torch.set_num_threads(THREADS)
    generator = torch.Generator().manual_seed(recipe.seed)
    augment = Augment(recipe.augment, recipe.model.rate, generator)
    teacher, student = folded.eval(), copy.deepcopy(folded).eval()  # no dropout: the answers shall be the same
    activations, hooks = _round_activations(student, settings.percentile / 100)
    with torch.no_grad():
        student(torch.from_numpy(calibration))
        spread = teacher(torch.from_numpy(calibration)).logits.std(dim=0)
    for convolution in _convolutions(student):
        levels = WEIGHT_LEVELS // 2 if settings.reduce_range else WEIGHT_LEVELS
        register_parametrization(convolution, "weight", RoundedWeight(levels))
    batch, joint = recipe.training.batch, joint.evenly(settings.tuning_draws)
    batches = len(joint.epoch(torch.Generator().manual_seed(0))) // batch
    optimiser = torch.optim.Adam(student.parameters(), lr=settings.tuning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.tuning_epochs * batches)
    for epoch in range(settings.tuning_epochs):
        rows = joint.epoch(generator)[: batches * batch]
        bar = tqdm(rows.reshape(batches, batch), desc=f"int8, epoch {epoch + 1}", unit="batch", disable=not progress)
        for part in bar:
            eight, present = (torch.from_numpy(array) for array in joint.eight(part))
            with torch.no_grad():
                _, x = augment(student.encoder.preprocess.remove_baseline(eight), present, joint.flips(part))
                told = teacher(x).logits
            error = mse_loss(student(x).logits / spread, told / spread)
            overflow = torch.stack([each.overflow for each in activations]).sum()
            optimiser.zero_grad()
            (error + settings.tuning_overflow * overflow).backward()
            optimiser.step()
            schedule.step()
            bar.set_postfix(rms=f"{error.item() ** 0.5:.4f}", overflow=f"{overflow.item():.1e}")
    for hook in hooks:
        hook.remove()
    for convolution in _convolutions(student):
        remove_parametrizations(convolution, "weight", leave_parametrized=False)
    return student


def _round_activations(
    network: Network, quantile: float
) -> tuple[list[RoundedActivation], list[torch.utils.hooks.RemovableHandle]]:
    places: list[tuple[nn.Module, bool]] = [(network.encoder.stem, True)]
    for block in network.encoder.stages:
        assert isinstance(block, Block)
        places += [(block.conv1, True), (block.conv2, False), (block, True)]
        places += [] if isinstance(block.shortcut, nn.Identity) else [(block.shortcut, False)]
    activations = [RoundedActivation(quantile, rectified=rectified) for _, rectified in places]
    return activations, [
        place.register_forward_hook(each) for (place, _), each in zip(places, activations, strict=True)
    ]


def _convolutions(network: Network) -> list[nn.Conv2d]:
    return [module for module in network.encoder.stages.modules() if isinstance(module, nn.Conv2d)]
