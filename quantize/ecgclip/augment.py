"""Training-time variation of a batch, [N, 8, samples] mV with the baseline removed.

What changes the heart or the electrodes is done on the eight independent leads, and the other four are derived
afterwards, as a device would; what changes the connection (absent leads) is done on the twelve.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ecgclip.config import AugmentRecipe
from ecgclip.leads import DERIVATION

# Dower's transform (Dower et al. 1980): I, II, V1-V6 from the dipole's X (left), Y (down), Z (back).
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)


class Augment:
    """Draws everything from one generator, so that a run repeats exactly."""

    def __init__(self, recipe: AugmentRecipe, rate: int, generator: torch.Generator) -> None:
        self.recipe = recipe
        self.rate = rate
        self.generator = generator
        self.derivation = torch.tensor(DERIVATION, dtype=torch.float32)
        self.dower = torch.tensor(DOWER, dtype=torch.float32)
        self.inverse = torch.linalg.pinv(self.dower)

    def __call__(self, x: Tensor, present: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
        """From [N, 8, samples], [N, 8] leads that are there, and [N] chances of turned electrodes: [N, 12, samples]
        and the same as seen through fewer leads."""  # noqa: D205, D209 - one sentence
        sign = 1 - 2 * (self._uniform(len(x)) < flip).float()
        x = self._electrodes(self._heart(x * sign[:, None, None], present.all(dim=1)))
        there = (present[:, None, :] | (self.derivation == 0)).all(dim=2)
        x = self._cut(self._shift(self.derivation @ x)) * there[:, :, None]
        return x, x * self.lead_mask(there)[:, :, None]

    def lead_mask(self, there: Tensor) -> Tensor:
        """[N, 12] of what stays: of twelve leads the limb leads, one limb lead, limb leads and one V lead, one of each,
        or any leads at random; of the leads of a smaller device one."""  # noqa: D205, D209 - one sentence
        mask = torch.ones(there.shape, dtype=torch.bool)
        for row in torch.nonzero(self._uniform(len(there)) < self.recipe.mask_leads)[:, 0].tolist():
            if not there[row].all():
                mask[row] = False
                mask[row, torch.multinomial(there[row].float(), 1, generator=self.generator)] = True
                continue
            kind = int(self._integers(5, ()))
            chest = 6 + int(self._integers(6, ()))
            if kind == 0:
                mask[row, 6:] = False
            elif kind in {1, 2}:
                mask[row] = False
                mask[row, int(self._integers(2, ()))] = True
                mask[row, chest] = kind == 2
            elif kind == 3:
                mask[row, 6:] = False
                mask[row, chest] = True
            else:
                mask[row] = self._uniform(there.shape[1]) < 0.6
                mask[row, 1] = True
        return mask

    def _heart(self, x: Tensor, whole: Tensor) -> Tensor:
        """Turn the part of the signal that a dipole explains by a small rotation, and scale all of it.

        Only where all leads are there (`whole`): the dipole of one lead is a guess.
        """
        n = len(x)
        angles = torch.randn(n, 3, generator=self.generator) * math.radians(self.recipe.rotate_deg)
        turn = torch.linalg.matrix_exp(_skew(angles * whole[:, None])) - torch.eye(3)
        gain = (self._spread(n) * math.log1p(self.recipe.scale)).exp()
        turned: Tensor = self.dower @ turn @ (self.inverse @ x)
        return gain[:, None, None] * (x + turned)

    def _electrodes(self, x: Tensor) -> Tensor:
        n, leads, samples = x.shape
        noise = torch.randn(n, leads, samples, generator=self.generator)
        level = self._uniform(n, 1, 1) ** 2 * self.recipe.noise_mv
        time = torch.arange(samples) / self.rate
        phase = 2 * math.pi * (self._uniform(n, leads, 1) + (0.1 + 0.5 * self._uniform(n, leads, 1)) * time)
        wander = self._uniform(n, leads, 1) * self.recipe.wander_mv * torch.sin(phase)
        return x + level * noise + wander

    def _shift(self, x: Tensor) -> Tensor:
        """Move in time; what is missing at an edge is zero, as after a stretch without signal."""
        n, leads, samples = x.shape
        most = round(self.recipe.shift_s * self.rate)
        by = self._integers(2 * most + 1, (n,)) - most
        padded = torch.nn.functional.pad(x, (most, most))
        index = (torch.arange(samples) + most - by[:, None])[:, None, :].expand(n, leads, samples)
        return padded.gather(2, index)

    def _cut(self, x: Tensor) -> Tensor:
        """Set one stretch to zero in all leads."""
        n, _, samples = x.shape
        length = (self._uniform(n, 1) * self.recipe.cut_s * self.rate).round()
        start = (self._uniform(n, 1) * (samples - length)).floor()
        time = torch.arange(samples)
        return x * ((time < start) | (time >= start + length))[:, None, :]

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def _spread(self, *shape: int) -> Tensor:
        return self._uniform(*shape) * 2 - 1

    def _integers(self, below: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(below, shape, generator=self.generator)


def _skew(v: Tensor) -> Tensor:
    x, y, z = v.unbind(1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
