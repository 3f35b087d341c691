"""Zero-shot answers of a pre-trained encoder as rows on a finished bundle's pooled features, for an overlay.

The way from an embedding to the space of texts bends (a hidden layer, a division by length) and is another network's
than the bundle's, so that it cannot be folded into a row. A row is fitted instead: ridge regression of the similarity
on the bundle's features over recordings, whose labels are not looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgclip.catalog import load_catalog
from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError
from ecgclip.pretraining.alignment import load_alignment
from ecgclip.transfer.encoders import Embeddings, Start
from ecgclip.transfer.linear_head import LinearHead, fit
from ecgclip.transfer.study import Study
from ecgclip.transfer.zero_shot import similarities, task_rows

SCHEMA = "urn:ecgclip:overlay:1"
PENALTY = 0.03
EXCEEDANCE = 0.01  # share of the recordings above a row's threshold


def write_overlay(
    file: Path,
    study: Study,
    embeddings: Embeddings,
    start: Start,
    bundle: Path,
    prompts: Mapping[str, Sequence[str]],
    cache: Path,
    *,
    progress: bool = True,
) -> dict[str, float]:
    """Write an overlay with a row a task; what share of the similarity's variance each gives on the held-out fold."""
    catalog, own = load_catalog(), {task["id"] for task in _manifest(bundle)["tasks"]}
    for task, texts in prompts.items():
        if task not in catalog or task in own or not texts:
            raise EcgclipError(
                f"{task} cannot be added: it must be in the catalog, have prompts, and not be the bundle's."
            )
    if not prompts or start.path is None:
        raise EcgclipError("Rows need tasks and a pre-trained encoder: give --tasks and --encoder NAME=encoder.pt.")
    alignment, text_encoder = load_alignment(start.path)
    rows = task_rows(prompts, alignment, text_encoder, cache, progress=progress)
    scores = similarities(alignment, embeddings.of(start, 0, study.records), rows)
    features = embeddings.of(Start(f"bundle {bundle}", bundle), 0, study.records)
    head = fit(features[study.training], scores[study.training], PENALTY, binary=False)
    standard, thresholds = _standardised(head, features[study.training])
    heads = [
        {
            "task": {
                "id": task,
                "group": catalog[task].group,
                "display": catalog[task].display,
                "codes": list(catalog[task].codes),
                "kind": "zero-shot",
                "calibration": {"method": "platt", "a": 1, "b": 0},
                "threshold": {
                    "value": round(float(thresholds[k]), 4),
                    "rule": f"above it {EXCEEDANCE:.0%} of {len(study.training)} recordings without labels",
                },
                "alert": None,
                "evidence": None,
            },
            "weights": [float(f"{weight:.6g}") for weight in standard.weights[k]],
            "bias": float(f"{standard.biases[k]:.6g}"),
            "cosineScale": None,
        }
        for k, task in enumerate(prompts)
    ]
    overlay = {
        "schema": SCHEMA,
        "name": "zero-shot",
        "bundle": hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest(),
        "disable": [],
        "thresholds": {},
        "heads": heads,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(overlay, indent=1))
    held = study.cohorts[0].rows
    return dict(zip(prompts, _explained(head(features[held]), scores[held]).tolist(), strict=True))


def _manifest(bundle: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((bundle / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise EcgclipError(f"{bundle} is no bundle: {error}.") from error
    return manifest


def _standardised(head: LinearHead, features: Floats) -> tuple[LinearHead, Floats]:
    """Answers of mean 0 and spread 1 over the recordings, as logits; and the probability that few exceed."""
    answers = head(features).astype(np.float64)
    mean, spread = answers.mean(axis=0), np.maximum(answers.std(axis=0), 1e-9)
    level = np.quantile((answers - mean) / spread, 1 - EXCEEDANCE, axis=0)
    threshold = (1 / (1 + np.exp(-level))).astype(np.float32)
    return LinearHead(head.weights / spread[:, None], (head.biases - mean) / spread), threshold


def _explained(answers: Floats, scores: Floats) -> Floats:
    left = ((scores - answers) ** 2).sum(axis=0) / ((scores - scores.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(1 - left)
