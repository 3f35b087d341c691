"""Pre-training of an encoder on recordings and reports, and on recordings without any.

One process: `python -m ecgclip pretrain`. Several: `torchrun --nproc-per-node N -m ecgclip pretrain …`; each takes its
part of every batch, negatives come from all of them. Stopped and started again, a run goes on as if nothing had been.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from ecgclip.augment import Augment
from ecgclip.config import ContrastRecipe, PretrainRecipe
from ecgclip.data.records import MICROVOLTS_PER_MV
from ecgclip.data.shards import ShardSignals, shuffled
from ecgclip.errors import EcgclipError
from ecgclip.model import Encoder, Preprocess, save_encoder
from ecgclip.pretraining.alignment import Alignment, projection
from ecgclip.pretraining.contrast import gathered, info_nce
from ecgclip.pretraining.pool import NO_REPORT, Pool
from ecgclip.whole_file import whole_file

MERL_DROPOUT = 0.1
LARGEST_SCALE = 100.0  # of the cosines, as in CLIP; beyond, a batch of near-copies makes the loss explode


class Pretrainer(nn.Module):
    """Encoder, the projections that come with it, and those that are thrown away afterwards."""

    def __init__(self, recipe: PretrainRecipe, text_width: int, tasks: int) -> None:
        super().__init__()
        self.weights = recipe.pretrain
        self.encoder = Encoder(recipe.model)
        width, to = self.encoder.width, recipe.pretrain.projection
        self.alignment = Alignment(width, text_width, to)
        self.to_view = self._view_projection(width, to)
        self.to_other_view = self._view_projection(width, to) if self.weights.views_by == "dropout" else self.to_view
        self.tasks = nn.Linear(width, tasks)
        self.log_scale = nn.Parameter(
            torch.tensor(-np.log(recipe.pretrain.temperature), dtype=torch.float32),
            requires_grad=recipe.pretrain.learn_temperature,
        )

    def _view_projection(self, width: int, to: int) -> nn.Sequential:
        if self.weights.views_by == "dropout":
            return nn.Sequential(nn.Linear(width, to), nn.Dropout(MERL_DROPOUT))
        return projection(width, to)

    def forward(self, views: Tensor, second: Tensor, text: Tensor, groups: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Losses of a batch: `views` [N + M, 12, samples], of which the last M are second views of rows `second`."""
        with torch.autocast(views.device.type, dtype=torch.bfloat16, enabled=self.weights.bfloat16):
            embedding, _ = self.encoder(views)
        embedding = embedding.float()
        first = embedding[: len(text)]
        scale = self.log_scale.exp().clamp(max=LARGEST_SCALE)
        written, ours = gathered(groups) != NO_REPORT, gathered(groups)
        a = gathered(self.alignment.recordings(first))[written]
        b = gathered(self.alignment.texts(text))[written]
        right = ours[written] if self.weights.equal_reports_match else torch.arange(len(a), device=a.device)
        losses = {"text": info_nce(a, b, right, scale)}
        again = first[second] if self.weights.views_by == "dropout" else embedding[len(text) :]
        one = gathered(normalize(self.to_view(first[second]), dim=1))
        two = gathered(normalize(self.to_other_view(again), dim=1))
        losses["views"] = info_nce(one, two, torch.arange(len(one), device=one.device), scale)
        known = labels.isfinite()
        each = binary_cross_entropy_with_logits(self.tasks(first), labels.nan_to_num(), reduction="none")
        losses["labels"] = (each * known).sum() / known.sum().clamp(min=1)
        weights = self.weights
        total = weights.text * losses["text"] + weights.views * losses["views"] + weights.labels * losses["labels"]
        return losses | {"total": total}


class Sampler:
    """Each batch has its share of each source; a source is gone through in random order, again and again."""

    def __init__(self, pool: Pool, batch: int, seed: int, processes: int = 1) -> None:
        self.rows = pool.rows
        self.counts = [max(1, round(batch * share / sum(pool.shares))) for share in pool.shares]
        if wrong := [count for count in self.counts if count % processes]:
            raise EcgclipError(f"Parts of a batch ({wrong}) cannot be shared by {processes}: change batch or shares.")
        self.generator = np.random.default_rng(seed)
        self.shards = [source.manifest.get("shard") for source in pool.sources]
        self.orders = [self._order(k) for k in range(len(self.rows))]
        self.places = [0] * len(self.rows)

    def draw(self) -> list[np.ndarray]:
        """Rows of each source."""
        out = []
        for k, count in enumerate(self.counts):
            taken = np.empty(0, np.int64)
            while len(taken) < count:
                if self.places[k] == len(self.orders[k]):
                    self.orders[k], self.places[k] = self._order(k), 0
                more = self.orders[k][self.places[k] : self.places[k] + count - len(taken)]
                self.places[k] += len(more)
                taken = np.concatenate([taken, more])
            out.append(taken)
        return out

    def _order(self, k: int) -> np.ndarray:
        """Any order of a source's rows, of one in shards an order that keeps to a few of them at a time."""
        if size := self.shards[k]:
            return shuffled(self.rows[k], size, self.generator)
        return self.generator.permutation(self.rows[k])

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on exactly."""
        return {
            "generator": json.dumps(self.generator.bit_generator.state),
            "orders": [torch.from_numpy(order) for order in self.orders],
            "places": self.places,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.generator.bit_generator.state = json.loads(state["generator"])
        self.orders = [order.numpy() for order in state["orders"]]
        self.places = list(state["places"])


def pretrain(recipe: PretrainRecipe, pool: Pool, work: Path, *, progress: bool = True) -> Encoder:
    """Run all steps that are still to do; `work` gets `checkpoint.pt`, `log.jsonl` and `encoder.pt`."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else None
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device else "gloo")
    device = device or torch.device("cpu")
    settings = recipe.pretrain
    if settings.views_by not in ("augmentation", "dropout"):
        raise EcgclipError(f"views_by {settings.views_by!r} is unknown: write augmentation or dropout.")
    torch.manual_seed(recipe.seed)
    module = Pretrainer(recipe, pool.text[0].shape[1], pool.labels[0].shape[1]).to(device)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
    if world > 1 and device.type == "cuda":
        module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
    optimiser = torch.optim.AdamW(_groups(module, settings.weight_decay), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.15
    )
    generator = torch.Generator().manual_seed(recipe.seed + rank)
    sampler = Sampler(pool, settings.batch, recipe.seed, world)
    augment, preprocess = Augment(recipe.augment, recipe.model.rate, generator), Preprocess(recipe.model)
    records = [digest for source in pool.sources for digest in source.who()]
    state = _State(work / "checkpoint.pt", module, optimiser, schedule, generator, sampler, recipe, records)
    first = state.load() if (work / "checkpoint.pt").exists() else 0
    work.mkdir(parents=True, exist_ok=True)
    parallel = DistributedDataParallel(module, find_unused_parameters=True) if world > 1 else module
    parallel.train()
    started = time.monotonic()
    for step in tqdm(range(first, settings.steps), desc="pre-training", disable=not progress or rank > 0):
        batch = _part(pool, sampler.draw(), rank, world)
        inputs = [x.to(device) for x in _views(batch, augment, preprocess, settings, generator)]
        losses = parallel(*inputs)
        optimiser.zero_grad()
        losses["total"].backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if rank == 0:
            line = {name: round(float(loss), 5) for name, loss in losses.items()}
            line |= {
                "step": step + 1,
                "scale": round(float(module.log_scale.exp()), 3),
                "s": time.monotonic() - started,
            }
            with (work / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        if (step + 1) % settings.checkpoint_every == 0 or step + 1 == settings.steps:
            state.save(step + 1, rank)
    if rank == 0:
        alignment = {"text_encoder": settings.text_encoder, "weights": module.alignment.state_dict()}
        save_encoder(work / "encoder.pt", module.encoder, recipe.model, alignment=alignment)
    return module.encoder.eval()


@dataclass(frozen=True)
class _State:
    """Everything that the next step depends on; each rank has a generator of its own."""

    path: Path
    module: Pretrainer
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    sampler: Sampler
    recipe: PretrainRecipe
    records: list[str]  # hashes of what the sampler's rows are rows of

    def save(self, step: int, rank: int) -> None:
        generators = [self.generator.get_state()]
        if dist.is_initialized():
            generators = [torch.empty_like(generators[0]) for _ in range(dist.get_world_size())]
            dist.all_gather(generators, self.generator.get_state())
        if rank > 0:
            return
        state = {
            "recipe": json.dumps(asdict(self.recipe)),
            "records": self.records,
            "step": step,
            "module": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generators": generators,
            "torch": torch.get_rng_state(),
            "sampler": self.sampler.state(),
        }
        with whole_file(self.path) as draft:
            torch.save(state, draft)

    def load(self) -> int:
        saved = torch.load(self.path, map_location="cpu", weights_only=True)
        if saved["recipe"] != json.dumps(asdict(self.recipe)):
            raise EcgclipError(f"{self.path} was made by another recipe: remove it, or give another --work.")
        if saved.get("records", self.records) != self.records:
            raise EcgclipError(f"{self.path} is of other records or folds: remove it, or give another --work.")
        rank = dist.get_rank() if dist.is_initialized() else 0
        if rank >= len(saved["generators"]):
            raise EcgclipError(f"{self.path} was made by {len(saved['generators'])} processes: start as many.")
        self.module.load_state_dict(saved["module"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        self.generator.set_state(saved["generators"][rank])
        torch.set_rng_state(saved["torch"])
        self.sampler.restore(saved["sampler"])
        return int(saved["step"])


@dataclass(frozen=True)
class _Batch:
    eight: Tensor  # [N, 8, samples] mV
    present: Tensor
    text: Tensor
    groups: Tensor
    labels: Tensor


def _part(pool: Pool, drawn: list[np.ndarray], rank: int, world: int) -> _Batch:
    """Rows of this process, of the batch that all of them drew."""
    mine = [rows[rank::world] for rows in drawn]

    def joined(arrays: Sequence[np.ndarray | ShardSignals]) -> Tensor:
        return torch.from_numpy(np.concatenate([array[rows] for array, rows in zip(arrays, mine, strict=True)]))

    return _Batch(
        joined([source.signals for source in pool.sources]).float() / MICROVOLTS_PER_MV,
        joined([source.present for source in pool.sources]),
        joined(pool.text),
        joined(pool.groups),
        joined(pool.labels),
    )


def _views(
    batch: _Batch, augment: Augment, preprocess: Preprocess, settings: ContrastRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What `Pretrainer` takes; a second view is another variation of a share of the rows."""
    x = preprocess.remove_baseline(batch.eight)
    if settings.views_by == "dropout":
        second = rows = torch.arange(len(x))
    else:
        second = torch.randperm(len(x), generator=generator)[: max(2, round(settings.second_views * len(x)))]
        rows = torch.cat([torch.arange(len(x)), second])
    _, views = augment(x[rows], batch.present[rows], torch.zeros(len(rows)))
    return views, second, batch.text, batch.groups, batch.labels


def _groups(module: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay the weights of convolutions and projections, not biases, batch norm and temperature."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
