"""What a probe or a fine-tuning begins with: a pre-trained encoder, a finished bundle's, or random weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ecgclip.config import ModelRecipe
from ecgclip.data.records import Floats, Records
from ecgclip.errors import EcgclipError
from ecgclip.model import Encoder, Network, load_encoder, saved_geometry
from ecgclip.training.start import start_from

RANDOM = "random"
STATISTICS = 256  # records that the batch norm of random weights, or of a bundle, is measured on
BATCH = 64


@dataclass(frozen=True)
class Start:
    """An encoder by name."""

    name: str
    path: Path | None  # encoder.pt, or the folder of a bundle; None: random weights

    @property
    def digest(self) -> str:
        """What tells two files of one name apart."""
        if self.path is None:
            return RANDOM
        file = self.path / "manifest.json" if self.path.is_dir() else self.path
        try:
            return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise EcgclipError(f"Cannot read encoder {self.name}: {error}.") from error

    def geometry(self, recipe: ModelRecipe) -> ModelRecipe:
        """An encoder's file knows its own; for the others it is the recipe's."""
        return saved_geometry(self.path) if self.path and not self.path.is_dir() else recipe

    def encoder(self, recipe: ModelRecipe, records: Records, training: np.ndarray, seed: int) -> Encoder:
        """Ready for inference; `seed` draws random weights, whose batch norm is that of training records."""
        if self.path and not self.path.is_dir():
            return load_encoder(self.path, self.geometry(recipe)).eval()
        torch.manual_seed(seed)
        network = Network(recipe, 1)
        rows = np.sort(np.random.default_rng(seed).permutation(training)[:STATISTICS])
        windows = torch.from_numpy(records.millivolts(rows))
        if self.path:
            start_from(self.path, network, recipe, (), windows)
        else:
            _measure_batch_norm(network.encoder, windows)
        return network.encoder.eval()


def parse_start(text: str) -> Start:
    """`random`, `NAME=encoder.pt` or `NAME=BUNDLE`."""
    name, _, path = text.partition("=")
    if not path and name != RANDOM:
        raise EcgclipError(f"{text!r} is no encoder: write random, NAME=encoder.pt or NAME=BUNDLE_FOLDER.")
    return Start(name, Path(path) if path else None)


def embed(encoder: Encoder, records: Records, rows: np.ndarray) -> Floats:
    """[n, width]."""
    with torch.inference_mode():
        parts = (torch.from_numpy(records.millivolts(part)) for part in batches(rows))
        return np.concatenate([encoder(part)[0].numpy() for part in parts])


class Embeddings:
    """Each encoder's of each folder of records, computed once."""

    def __init__(self, recipe: ModelRecipe, records: Records, training: np.ndarray) -> None:
        self.recipe, self.records, self.training = recipe, records, training
        self.known: dict[tuple[str, int, Path], Floats] = {}

    def of(self, start: Start, seed: int, records: Records) -> Floats:
        """[N, width] of all its records; the seed counts only for random weights."""
        key = (start.name, 0 if start.path else seed, records.folder)
        if key not in self.known:
            encoder = start.encoder(self.recipe, self.records, self.training, seed)
            self.known[key] = embed(encoder, records, np.arange(len(records.table)))
        return self.known[key]


def batches(rows: np.ndarray) -> list[np.ndarray]:
    """Rows in parts that fit into memory."""
    return np.array_split(rows, range(BATCH, len(rows), BATCH))


def _measure_batch_norm(encoder: Encoder, windows: Tensor) -> None:
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain mean of all batches
    encoder.train()
    with torch.no_grad():
        for part in windows.split(BATCH):
            encoder(part)
    for norm in norms:
        norm.momentum = 0.1
