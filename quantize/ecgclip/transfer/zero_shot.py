"""Findings without a label: the angle between a recording and a text in the space that pre-training gave both."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError
from ecgclip.pretraining.alignment import Alignment, load_alignment
from ecgclip.pretraining.text import embed_reports
from ecgclip.transfer.encoders import Embeddings, Start
from ecgclip.transfer.runs import Runs
from ecgclip.transfer.study import Study

PROMPTS = Path(__file__).parent / "prompts.toml"
ZERO_SHOT = "zero-shot"


def load_prompts(file: Path = PROMPTS) -> dict[str, tuple[str, ...]]:
    """Texts of each task."""
    try:
        table = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EcgclipError(f"Cannot read prompts {file}: {error}.") from error
    for task, texts in table.items():
        if not (isinstance(texts, list) and texts and all(isinstance(text, str) and text for text in texts)):
            raise EcgclipError(f'{file}: {task} must be a list of texts, such as ["sinus rhythm"].')
    return {task: tuple(texts) for task, texts in table.items()}


def task_rows(
    prompts: Mapping[str, Sequence[str]], alignment: Alignment, text_encoder: str, cache: Path, *, progress: bool
) -> Floats:
    """[tasks, shared], each of length 1: the mean direction of a task's texts."""
    texts = [text for own in prompts.values() for text in own]
    embedded = torch.from_numpy(embed_reports(texts, text_encoder, cache, progress=progress))
    with torch.inference_mode():
        parts = alignment.texts(embedded).split([len(own) for own in prompts.values()])
        rows: Floats = normalize(torch.stack([part.mean(dim=0) for part in parts]), dim=1).numpy()
    return rows


def similarities(alignment: Alignment, embedding: Floats, rows: Floats) -> Floats:
    """[N, tasks] cosines."""
    with torch.inference_mode():
        found: Floats = (alignment.recordings(torch.from_numpy(embedding)) @ torch.from_numpy(rows).T).numpy()
    return found


def measure_zero_shot(
    study: Study,
    embeddings: Embeddings,
    start: Start,
    prompts: Mapping[str, Sequence[str]],
    runs: Runs,
    cache: Path,
    *,
    progress: bool = True,
) -> None:
    """Add a run of share 0 for each cohort; a task without prompts is scored 0."""
    if start.path is None:
        raise EcgclipError("Random weights know no texts: give --encoder NAME=encoder.pt.")
    key = {"encoder": start.name, "method": ZERO_SHOT, "share": 0.0, "seed": 0}
    wanted = {task: prompts[task] for task in study.tasks if task in prompts}
    digest = hashlib.sha256(json.dumps(list(wanted.items())).encode()).hexdigest()[:16]
    settings = {"encoder": start.digest, "prompts": digest}
    alignment, text_encoder = load_alignment(start.path)
    if not wanted:
        raise EcgclipError(f"No label of {study.records.folder} has a text: give --prompts a file that names them.")
    rows = task_rows(wanted, alignment, text_encoder, cache, progress=progress)
    columns = [study.tasks.index(task) for task in wanted]
    for cohort in study.cohorts:
        where = key | {"cohort": cohort.judge.cohort}
        if runs.has(where, settings | cohort.settings):
            continue
        scores = np.zeros((len(cohort.rows), len(study.tasks)), np.float32)
        scores[:, columns] = similarities(alignment, embeddings.of(start, 0, cohort.records)[cohort.rows], rows)
        nothing = np.empty((0, len(study.tasks)), np.float32)
        runs.add(where, settings | cohort.settings, cohort.judge, scores, nothing)
