"""`ecgclip saliency`: whether what a gateway shows beside a finding is what the finding rests on.

Two tests on windows that have a task, those with the highest answers. Rank correlation over time with integrated
gradients, which know the whole network; and silence: how far the logit falls when the time that a method names first is
taken away. Beside them what any method must beat: times at random, and the loudest times.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor
from tqdm import tqdm

from ecgclip.bundle.open_bundle import OpenBundle, open_bundle
from ecgclip.config import RECIPES, load_recipe
from ecgclip.data.records import Records, open_records
from ecgclip.errors import EcgclipError
from ecgclip.export.onnx_export import INPUT, session
from ecgclip.metrics import Array
from ecgclip.model import Network, Output
from ecgclip.saliency.maps import (
    Scores,
    by_step,
    class_activation,
    integrated_gradients,
    occlusion,
    silence,
    steps,
)
from ecgclip.training.start import start_from

SHARE = 0.1  # of the time that is silenced
STATISTICS = 128  # windows that the batch norm of the network is restored by
SEED = 1
VARIANT = "int8"  # whose answers are asked without a stretch of a lead
METHODS = ("class activation", "occlusion", "integrated gradients", "loudest", "random")


def add_saliency_options(parser: argparse.ArgumentParser) -> None:
    """What `saliency` takes."""
    parser.add_argument("--bundle", type=Path, required=True, help="folder of a finished bundle")
    parser.add_argument("--records", type=Path, required=True, help="folder of labelled records with all leads")
    parser.add_argument("--fold", type=int, nargs="+", required=True)
    parser.add_argument("--task", nargs="+", required=True)
    parser.add_argument("--windows", type=int, default=8, help="of each task, at most (default: 8)")
    parser.add_argument("--recipe", type=Path, help="of the bundle's network (default: by the name in the bundle)")
    parser.add_argument("--out", type=Path, required=True, help="JSON file; `report --saliency` shows it")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_saliency)


def _saliency(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    bundle, records = open_bundle(options.bundle), open_records(options.records)
    if unknown := sorted(set(options.task) - set(bundle.tasks)):
        raise EcgclipError(f"{options.bundle} has no tasks {', '.join(unknown)}: it has {', '.join(bundle.tasks)}.")
    rows = np.flatnonzero(np.isin(records.folds, options.fold))
    if not len(rows):
        raise EcgclipError(f"{options.records} has no records in these folds: give another --fold.")
    network = rebuilt(bundle, records, rows, options.recipe)
    found = check(network, bundle, records, rows, options.task, options.windows, progress=not options.quiet)
    options.out.write_text(json.dumps(found, indent=1))
    print("correlation with integrated gradients over time, and fall of the logit; of occlusion also over leads x time")
    for row in found["tasks"]:
        cells = "; ".join(f"{name} {row['correlation'][name]:.2f}, {row['fall'][name]:.2f}" for name in METHODS)
        print(f"{row['task']}, {row['windows']} windows: {cells}; {row['cells']:.2f}")


def rebuilt(bundle: OpenBundle, records: Records, rows: np.ndarray, recipe: Path | None) -> Network:
    """The bundle's fp32 graph as a torch network with the same answers."""
    name = bundle.manifest["provenance"]["recipe"]
    model = load_recipe(recipe or RECIPES / f"{name}.toml").model
    network = Network(model, len(bundle.tasks))
    windows = torch.from_numpy(records.millivolts(rows[:STATISTICS]))
    start_from(bundle.folder, network, model, bundle.tasks, windows)
    return network.eval().requires_grad_(requires_grad=False)


def check(
    network: Network,
    bundle: OpenBundle,
    records: Records,
    rows: np.ndarray,
    tasks: Sequence[str],
    most: int,
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """JSON: for each task the mean correlation and fall of each method, and the error of the integral."""
    random = np.random.default_rng(SEED)
    running = session(bundle.graph(VARIANT))
    truth = records.known(bundle.tasks)[rows]
    with torch.inference_mode():
        parts = np.array_split(rows, -(-len(rows) // 64))
        logits = np.concatenate([network(torch.from_numpy(records.millivolts(part))).logits.numpy() for part in parts])
    entries = []
    for task in tqdm(tasks, "saliency", disable=not progress):
        k = bundle.tasks.index(task)

        def scores(windows: Array, column: int = k) -> Array:
            return np.asarray(running.run([Output._fields[0]], {INPUT: windows})[0][:, column])

        positive = np.flatnonzero(truth[:, k] > 0.5)
        if not len(positive):
            raise EcgclipError(f"No record of these folds has {task}: leave it out.")
        best = positive[np.argsort(-logits[positive, k], kind="stable")[:most]]
        found = compare(network, scores, records.millivolts(rows[best]), k, random)
        entries.append({"task": task, "windows": len(best), **found})
    return {
        "bundle": f"{bundle.manifest['name']} {bundle.manifest['version']}",
        "cohort": records.manifest["name"],
        "windows": f"up to {most} windows a task",
        "share": SHARE,
        "methods": METHODS,
        "tasks": entries,
    }


def compare(network: Network, scores: Scores, windows: Array, task: int, random: np.random.Generator) -> dict[str, Any]:
    """One task; `scores` are the answers of the graph whose occlusion is looked at."""
    x = network.encoder.preprocess.remove_baseline(torch.from_numpy(windows))
    gradients = integrated_gradients(network, x, task)
    with torch.inference_mode():
        out = network(x)
        # What is left of a window on the way down to nothing: the offset for absent chest leads never comes in.
        nothing = network.answer(x, network.encoder(torch.zeros_like(x))[0])[:, task]
    cells = by_step(gradients.numpy())
    occluded = np.stack([occlusion(scores, window, window.any(axis=1)) for window in x.numpy()])
    maps = {
        "class activation": class_activation(out.features.numpy(), network.head.weight[task].numpy()),
        "occlusion": occluded.sum(axis=1),
        "integrated gradients": cells.sum(axis=1),
        "loudest": by_step(np.abs(x.numpy()).sum(axis=1)),
        "random": random.random((len(x), steps(x.shape[2]))),
    }
    error = (gradients.sum(dim=(1, 2)) - (out.logits[:, task] - nothing)).abs().max()
    return {
        "correlation": {name: _correlation(values, maps["integrated gradients"]) for name, values in maps.items()},
        "cells": _correlation(occluded.reshape(len(x), -1), cells.reshape(len(x), -1)),
        "fall": {name: _fall(network, x, values, task) for name, values in maps.items()},
        "integral_error": float(error),
    }


def _correlation(values: Array, reference: Array) -> float:
    """Spearman's, mean over windows."""
    return float(np.mean([spearmanr(a, b).statistic for a, b in zip(values, reference, strict=True)]))


def _fall(network: Network, x: Tensor, values: Array, task: int) -> float:
    """Mean fall of the logit when all leads are silent in the share of the time with the highest values."""
    count = round(SHARE * values.shape[1])
    factors = silence(x.shape[2])
    keep = np.stack([factors[np.argsort(-row, kind="stable")[:count]].min(axis=0) for row in values])
    with torch.inference_mode():
        fall = network(x).logits - network(x * torch.from_numpy(keep)[:, None]).logits
    return float(fall[:, task].mean())
