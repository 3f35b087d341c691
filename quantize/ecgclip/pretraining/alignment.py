"""The space that recordings and reports share: both projections of a pre-training, kept in its encoder's file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ecgclip.errors import EcgclipError
from ecgclip.model import UNREADABLE


class Alignment(nn.Module):
    """Projects an encoder's embeddings and a text encoder's, both to length 1."""

    def __init__(self, width: int, text_width: int, shared: int) -> None:
        super().__init__()
        self.to_text = projection(width, shared)
        self.from_text = projection(text_width, shared)

    def recordings(self, embedding: Tensor) -> Tensor:
        """[N, width] -> [N, shared]."""
        return normalize(self.to_text(embedding), dim=1)

    def texts(self, text: Tensor) -> Tensor:
        """[N, text width] -> [N, shared]."""
        return normalize(self.from_text(text), dim=1)


def projection(inputs: int, outputs: int) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))


def load_alignment(path: Path) -> tuple[Alignment, str]:
    """The projections of an encoder's file, and the name of the text encoder that they were trained on."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)["alignment"]
        name, weights = str(saved["text_encoder"]), saved["weights"]
    except UNREADABLE as error:
        raise EcgclipError(
            f"{path} has no projections to the space of reports: run `pretrain` to make them."
        ) from error
    shared, width = weights["to_text.0.weight"].shape
    alignment = Alignment(width, weights["from_text.0.weight"].shape[1], shared)
    alignment.load_state_dict(weights)
    return alignment.eval(), name
