"""What a pre-trained encoder is worth: the same training from it and from random weights, on a share of the labels.

Both start with a new head, see the same records in the same order through the same variations, and are compared over
the same bootstrap draws of validation patients.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from ecgclip.augment import Augment
from ecgclip.config import PretrainRecipe
from ecgclip.metrics import auroc, columns_with, macro, paired_difference, patient_draws, prauc
from ecgclip.model import Network, load_encoder
from ecgclip.records import Floats, Records, millivolts

VALIDATION_FOLD, TEST_FOLD = 9, 10
MINIMUM_POSITIVES = 5  # of a task in validation; rarer ones are no measure of anything
DRAWS = 1000
BATCH = 32


@dataclass(frozen=True)
class Budget:
    """Training on one share of the labels."""

    share: float
    epochs: int
    learning_rate: float = 0.003
    weight_decay: float = 0.05


def transfer(
    recipe: PretrainRecipe,
    records: Records,
    encoder: Path,
    budgets: Sequence[Budget],
    seeds: Sequence[int],
    out: Path,
    *,
    progress: bool = True,
) -> None:
    """Write `out`, a JSON list with one entry a budget and seed; entries that are there already are not made again."""
    done = json.loads(out.read_text()) if out.exists() else []
    out.parent.mkdir(parents=True, exist_ok=True)
    for budget in budgets:
        for seed in seeds:
            if any(entry["share"] == budget.share and entry["seed"] == seed for entry in done):
                continue
            done.append(_compare(recipe, records, encoder, budget, seed, progress=progress))
            out.write_text(json.dumps(done, indent=1))


def _compare(
    recipe: PretrainRecipe, records: Records, encoder: Path, budget: Budget, seed: int, *, progress: bool
) -> dict[str, Any]:
    training = np.flatnonzero(~np.isin(records.folds, (VALIDATION_FOLD, TEST_FOLD)))
    validation = np.flatnonzero(records.folds == VALIDATION_FOLD)
    chosen = np.random.default_rng(seed).permutation(training)[: round(budget.share * len(training))]
    truth = records.labels.to_numpy(np.float32)
    scores = {
        name: _fine_tuned(recipe, records, truth, chosen, validation, start, budget, seed, progress=progress)
        for name, start in (("pre-trained", encoder), ("random", None))
    }
    draws = patient_draws(records.table.patient.iloc[validation].tolist(), DRAWS, seed)
    entry: dict[str, Any] = {**dataclasses.asdict(budget), "seed": seed, "records": len(chosen)}
    entry["tasks"] = len(columns_with(truth[validation], MINIMUM_POSITIVES))
    for metric in (prauc, auroc):
        difference, p = paired_difference(
            metric, truth[validation], scores["pre-trained"], scores["random"], MINIMUM_POSITIVES, draws
        )
        entry[metric.__name__] = {
            name: macro(metric, truth[validation], score, MINIMUM_POSITIVES) for name, score in scores.items()
        } | {"difference": dataclasses.asdict(difference), "p": p}
    return entry


def _fine_tuned(
    recipe: PretrainRecipe,
    records: Records,
    truth: Floats,
    chosen: np.ndarray,
    validation: np.ndarray,
    start: Path | None,
    budget: Budget,
    seed: int,
    *,
    progress: bool,
) -> Floats:
    """Logits on the validation records of a network trained on the chosen ones."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = Network(recipe.model, truth.shape[1])
    if start:
        network.encoder = load_encoder(start, recipe.model)
    augment = Augment(recipe.augment, recipe.model.rate, generator)
    optimiser = torch.optim.AdamW(network.parameters(), budget.learning_rate, weight_decay=budget.weight_decay)
    batches = max(1, len(chosen) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, budget.learning_rate, total_steps=batches * budget.epochs, pct_start=0.2
    )
    network.train()
    for _ in tqdm(range(budget.epochs), desc=f"{budget.share:.0%} from {start or 'random'}", disable=not progress):
        for part in torch.randperm(len(chosen), generator=generator)[: batches * BATCH].split(BATCH):
            rows = chosen[part.numpy()]
            with torch.no_grad():
                eight = torch.from_numpy(millivolts(records.signals[rows]))
                x, _ = augment(
                    network.encoder.preprocess.remove_baseline(eight),
                    torch.from_numpy(records.present[rows]),
                    torch.zeros(len(rows)),
                )
            loss = binary_cross_entropy_with_logits(network(x).logits, torch.from_numpy(truth[rows]))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        parts = torch.from_numpy(records.millivolts(validation)).split(64)
        return np.concatenate([network(part).logits.numpy() for part in parts])
