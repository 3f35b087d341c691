"""What pre-training draws from: records of several folders, their reports embedded, their labels under one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ecgclip.config import PretrainRecipe
from ecgclip.data.records import Floats, Records, open_records
from ecgclip.errors import EcgclipError
from ecgclip.pretraining.text import embed_reports, statements

NO_REPORT = -1


@dataclass(frozen=True)
class Pool:
    """Each list has one entry a source."""

    sources: Sequence[Records]
    shares: Sequence[float]  # of each batch
    rows: Sequence[npt.NDArray[np.int64]]  # those that may be drawn
    text: Sequence[Floats]  # [records, D], zero without a report
    groups: Sequence[npt.NDArray[np.int64]]  # [records], the same number for equal reports, NO_REPORT without
    labels: Sequence[Floats]  # [records, tasks], NaN where unknown


def load_pool(recipe: PretrainRecipe, folder: Path, cache: Path, *, progress: bool = True) -> Pool:
    """The sources of the recipe, each a folder of records under `folder`."""
    sources = [open_records(folder / source.name) for source in recipe.sources]
    wanted = (recipe.model.rate, recipe.model.samples)
    for source in sources:
        if (source.manifest["rate"], source.manifest["samples"]) != wanted:
            raise EcgclipError(f"{source.folder} is not {wanted[1]} samples at {wanted[0]} Hz: import it again.")
    rows = [
        np.flatnonzero(np.isin(records.folds, source.folds))
        for records, source in zip(sources, recipe.sources, strict=True)
    ]
    if empty := [str(source.folder) for source, some in zip(sources, rows, strict=True) if not len(some)]:
        raise EcgclipError(f"{', '.join(empty)} has no records in the recipe's folds: correct the recipe.")
    texts = [source.table.report.tolist() for source in sources]
    embedded = embed_reports(
        [text for source in texts for text in source], recipe.pretrain.text_encoder, cache, progress=progress
    )
    borders = np.cumsum([len(source) for source in texts])[:-1]
    numbers: dict[tuple[str, ...], int] = {}
    groups = [
        np.array(
            [
                numbers.setdefault(key, len(numbers)) if (key := tuple(sorted(statements(text)))) else NO_REPORT
                for text in source
            ]
        )
        for source in texts
    ]
    tasks = sorted({t for s, own in zip(sources, recipe.sources, strict=True) if own.labels for t in s.labels.columns})
    return Pool(
        sources=sources,
        shares=[source.share for source in recipe.sources],
        rows=rows,
        text=np.split(embedded, borders),
        groups=groups,
        labels=[
            records.known(tasks) if source.labels else np.full((len(records.signals), len(tasks)), np.nan, np.float32)
            for records, source in zip(sources, recipe.sources, strict=True)
        ],
    )
