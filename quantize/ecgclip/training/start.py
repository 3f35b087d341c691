"""A finished bundle as the beginning of a new network: the same answers at first, also from a deeper network.

Deepening follows Net2Net (Chen, Goodfellow and Shlens 2016): a residual block whose last batch norm has gain 0 passes
on what it is given, because that is never negative.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from ecgclip.config import ModelRecipe
from ecgclip.errors import EcgclipError
from ecgclip.model import Block, Network


def start_from(bundle: Path, network: Network, recipe: ModelRecipe, tasks: tuple[str, ...], windows: Tensor) -> None:
    """Give the network the weights of the bundle's fp32 graph, and its heads for the tasks that both know.

    The graph's batch norms are folded into its convolutions. They are restored so that their statistics are those of
    `windows` ([N, 12, samples] mV) and the answers are the same.
    """
    manifest = json.loads((bundle / "manifest.json").read_text())
    file = next(variant["file"] for variant in manifest["variants"] if variant["precision"] == "fp32")
    graph = onnx.load(bundle / file).graph
    theirs = {each.name: torch.from_numpy(onnx.numpy_helper.to_array(each).copy()) for each in graph.initializer}
    prefix = "encoder." if "encoder.stem.0.weight" in theirs else ""
    blocks = sum(name.startswith(f"{prefix}stages.") and name.endswith(".conv1.0.weight") for name in theirs)
    places = _places(blocks, recipe.blocks)
    with torch.no_grad():
        _copy(network.encoder.stem, theirs, f"{prefix}stem")
        for k, block in enumerate(network.encoder.stages):
            assert isinstance(block, Block)
            if k in places:
                for name in ("conv1", "conv2", "shortcut"):
                    _copy(getattr(block, name), theirs, f"{prefix}stages.{places[k]}.{name}")
            else:
                _parts(block.conv2)[1].weight.zero_()
        known = [task["id"] for task in manifest["tasks"]]
        for k, task in enumerate(tasks):
            if task in known:
                network.head.weight[k] = theirs["head.weight"][known.index(task)]
                network.head.bias[k] = theirs["head.bias"][known.index(task)]
                if "limb_only" in theirs:
                    network.limb_only[k] = theirs["limb_only"][known.index(task)]
        _restore_batch_norm(network, windows)


def _places(theirs: int, wanted: tuple[int, ...]) -> dict[int, int]:
    """Block of the new network -> block of the old one, which has the same blocks or as many in each stage."""
    if theirs == sum(wanted):
        return {k: k for k in range(theirs)}
    each = theirs // len(wanted)
    if theirs % len(wanted) or min(wanted) < each:
        raise EcgclipError(f"A network of {theirs} blocks cannot become one of {wanted}: give it more of them.")
    places: dict[int, int] = {}
    first = 0
    for stage, count in enumerate(wanted):
        places |= {first + k: stage * each + k for k in range(each)}
        first += count
    return places


def _copy(into: nn.Module, theirs: dict[str, Tensor], name: str) -> None:
    """A convolution and, as the shift of the batch norm behind it, its bias; a shortcut may have neither."""
    if isinstance(into, nn.Identity):
        return
    convolution, norm = _parts(into)
    weight = theirs.get(f"{name}.0.weight")
    if weight is None or weight.shape != convolution.weight.shape:
        raise EcgclipError(f"The bundle has other widths or kernels than the recipe ({name}): change the recipe.")
    convolution.weight.copy_(weight)
    norm.weight.fill_((1 + norm.eps) ** 0.5)
    norm.bias.copy_(theirs[f"{name}.0.bias"])


def _parts(module: nn.Module) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    assert isinstance(module, nn.Sequential)
    convolution, norm = module
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return convolution, norm


def _restore_batch_norm(network: Network, windows: Tensor) -> None:
    """Measure what each convolution gives, and spread it over mean, variance, gain and shift without a difference."""
    seen: dict[nn.BatchNorm2d, tuple[Tensor, Tensor]] = {}

    def note(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        seen[norm] = given[0].mean(dim=(0, 2, 3)), given[0].var(dim=(0, 2, 3))

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    network.eval()(windows)
    for hook in hooks:
        hook.remove()
    for norm, (mean, variance) in seen.items():
        scale = norm.weight / (1 + norm.eps) ** 0.5  # 1, or 0 in a block that was added
        norm.running_mean, norm.running_var = mean, variance
        norm.bias.add_(scale * mean)
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
