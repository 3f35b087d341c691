"""A folder of records whose signals are in tar shards, by the WebDataset convention, instead of one file.

For collections that are too large for one file, or whose storage is only quick when it is read in a row: a network
disk, an object store that is mounted. `records.csv`, `labels.csv` and `splits.csv` stay as they are. Each window is two
members of `signals/000000.tar` and so on: `<row>.npy`, int16 microvolts [8, samples], and `<row>.json`, all that is
known of it, so that any reader of WebDataset shards can use them.

Everything that opens a folder of records opens such a folder, too. Rows may be asked for in any order; `shuffled` gives
one that is random, and yet takes a few shards at a time.
"""

from __future__ import annotations

import functools
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ecgclip.errors import EcgclipError

FOLDER = "signals"
MIXED = 8  # shards that a shuffled order takes from at a time
_OPEN = 64  # shards whose members' places are remembered

Counts = npt.NDArray[np.int16]
Rows = npt.NDArray[np.int64]


class ShardSignals:
    """[N, leads, samples] on disk, indexed by rows as an array is."""

    def __init__(self, folder: Path, shape: tuple[int, int, int], size: int) -> None:
        self.folder = folder
        self.shape = shape
        self.size = size  # windows in a shard; the last may have fewer
        self._places = functools.lru_cache(_OPEN)(self._read_places)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows | npt.NDArray[np.bool_] | slice) -> Counts:
        wanted = np.arange(len(self))[rows]
        out = np.empty((len(wanted), *self.shape[1:]), np.int16)
        shards = wanted // self.size
        for shard in np.unique(shards):
            here = np.flatnonzero(shards == shard)
            places = self._places(int(shard))
            with shard_path(self.folder, int(shard)).open("rb") as file:
                for k in here:
                    file.seek(places[wanted[k] % self.size])
                    out[k] = np.load(io.BytesIO(file.read(self._bytes)))
        return out

    @property
    def _bytes(self) -> int:
        return len(_npy(np.zeros(self.shape[1:], "<i2")))

    def _read_places(self, shard: int) -> list[int]:
        path = shard_path(self.folder, shard)
        expected = min(self.size, len(self) - shard * self.size)
        try:
            with tarfile.open(path) as tar:
                places = [member.offset_data for member in tar if member.name.endswith(".npy")]
        except (OSError, tarfile.TarError) as error:
            raise EcgclipError(f"Cannot read {path}: {error}.") from error
        if len(places) != expected:
            raise EcgclipError(f"{path} has {len(places)} windows, not {expected}: write the shards again.")
        return places


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard is."""
    return folder / FOLDER / f"{shard:06}.tar"


def write_shard(path: Path, first: int, counts: Counts, about: list[dict[str, Any]]) -> None:
    """Windows from row `first` on; the same windows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for k, (window, known) in enumerate(zip(counts, about, strict=True)):
            for ending, content in (("npy", _npy(window)), ("json", json.dumps(known).encode())):
                member = tarfile.TarInfo(f"{first + k:09}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    part.replace(path)


def read_shard(path: Path) -> Iterator[tuple[Counts, dict[str, Any]]]:
    """Windows in a row with what is known of them, from a file or anything else that can only be read forwards."""
    with tarfile.open(path, "r|") as tar:
        window = None
        for member in tar:
            file = tar.extractfile(member)
            assert file
            if member.name.endswith(".npy"):
                window = np.load(io.BytesIO(file.read()))
            elif window is not None:
                yield window, json.load(file)


def shuffled(rows: Rows, size: int, random: np.random.Generator) -> Rows:
    """All rows in an order that is random within `MIXED` shards, which are drawn anew each time."""
    shards = rows // size
    drawn = random.permutation(np.unique(shards))
    parts = [random.permutation(rows[np.isin(shards, drawn[k : k + MIXED])]) for k in range(0, len(drawn), MIXED)]
    return np.concatenate(parts) if parts else rows


def _npy(window: Counts) -> bytes:
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(window, "<i2"))
    return content.getvalue()
