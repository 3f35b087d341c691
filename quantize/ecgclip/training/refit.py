"""Heads fitted once more, on embeddings of the int8 graph: cheap, so that every window of a set can be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch

from ecgclip.config import Recipe, RefitRecipe
from ecgclip.data.joint import Joint, Rows
from ecgclip.data.records import Floats
from ecgclip.export.onnx_export import INPUT, find_heads, limb_lead_offsets, linear_heads, session
from ecgclip.metrics import Array
from ecgclip.model import Output
from ecgclip.training.fit_heads import fit_heads
from ecgclip.training.teacher import Teacher
from ecgclip.training.train import bundle_of

BATCH = 64


def refit_heads(recipe: Recipe, refit: RefitRecipe, joint: Joint, model: Path, into: Sequence[Path]) -> None:
    """Fit some heads on embeddings of the graph `model`, and put them into graphs; it must have their weights.

    The sets share a backbone: heads of a set that training saw little of lag behind where the others pulled it.
    """
    random = np.random.default_rng(recipe.seed)
    rows = np.concatenate(
        [random.permutation(joint.rows(joint.training, name))[: refit.windows] for name in refit.sets]
    )
    columns = [joint.tasks.index(task) for task in refit.tasks]
    rows = rows[np.isfinite(joint.labels[rows][:, columns]).any(axis=1)]
    targets = joint.labels[rows][:, columns]
    if refit.teacher_share:
        batches = np.array_split(rows, -(-len(rows) // 256))  # all at once would be gigabytes
        teacher = Teacher(bundle_of(recipe.training.teacher), joint.tasks)
        told = np.concatenate([teacher(torch.from_numpy(joint.twelve(part))).numpy() for part in batches])[:, columns]
        targets = np.where(np.isfinite(told), targets + refit.teacher_share * (told - targets), targets)
    weights, biases = linear_heads(model)
    fitted = fit_heads(
        embeddings(model, joint, rows, recipe.seed),
        targets,
        weights[columns],
        biases[columns],
        limb_lead_offsets(model, joint.twelve(rows))[:, columns],
        refit.penalty,
    )
    for graph in into:
        write_heads(graph, columns, *fitted)


def embeddings(model: Path, joint: Joint, rows: Rows, seed: int) -> Floats:
    """[n, 2C] of training rows, each turned upside down as often as its set says."""
    running = session(model)
    generator = torch.Generator().manual_seed(seed)
    turned = (torch.rand(len(rows), generator=generator) < joint.flips(rows)).numpy()
    out = []
    for k in range(0, len(rows), BATCH):
        sign = np.where(turned[k : k + BATCH], -1, 1).astype(np.float32)
        out.append(
            running.run([Output._fields[1]], {INPUT: joint.twelve(rows[k : k + BATCH]) * sign[:, None, None]})[0]
        )
    return np.concatenate(out)


def write_heads(model: Path, tasks: list[int], weights: Array, biases: Array) -> None:
    """Put heads into an exported graph."""
    graph = onnx.load(model)
    head = find_heads(graph.graph)
    for constant in graph.graph.initializer:
        if constant.name in head.input[1:]:
            values = onnx.numpy_helper.to_array(constant).copy()
            values[tasks] = weights if constant.name == head.input[1] else biases
            constant.CopyFrom(onnx.numpy_helper.from_array(values, constant.name))
    onnx.save(graph, model)
