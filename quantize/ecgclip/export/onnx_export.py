"""PyTorch -> ONNX fp32 -> ONNX int8, and running either.

int8 is QDQ with unsigned activations and signed per-channel weights: the combination whose convolutions *and*
additions fuse in ONNX Runtime on x86 and ARM alike. Stem and head stay in float: one code of an int8 input would be
a fifth of an ST criterion.
"""

from __future__ import annotations

import copy
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from ecgclip.config import ModelRecipe, QuantizationRecipe
from ecgclip.data.records import Floats
from ecgclip.errors import GateError
from ecgclip.model import CHEST, Block, Network, Output
from ecgclip.whole_file import whole_file

INPUT = "ecg"
LIMB_ONLY = "limb_only"  # of `Network`, as the exporter names it
OPSET = 18
METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}


def export_fp32(network: Network, recipe: ModelRecipe, path: Path) -> None:
    """Write the graph with batch norm folded into the convolutions and a free batch size."""
    torch.onnx.export(
        fold_batch_norm(network),
        (torch.zeros(2, recipe.leads, recipe.samples),),
        path,
        input_names=[INPUT],
        output_names=list(Output._fields),
        opset_version=OPSET,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    graph = onnx.load(path)
    _strip(graph)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def _strip(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes about its source: stack traces with the paths of this machine."""
    for holder in (
        model,
        model.graph,
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.value_info,
    ):
        del holder.metadata_props[:]


def fold_batch_norm(network: Network) -> Network:
    """A copy whose convolutions contain the batch norm behind them."""
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
            convolution = module[0]
            assert isinstance(convolution, nn.Conv2d)
            module[0] = torch.nn.utils.fusion.fuse_conv_bn_eval(convolution, module[1])
            module[1] = nn.Identity()
    return folded


def quantize(fp32: Path, int8: Path, windows: Floats, recipe: QuantizationRecipe) -> None:
    """Calibrate activations on training windows and write the QDQ graph."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(fp32, prepared, skip_symbolic_shape=True)
        convolutions = [node.name for node in onnx.load(prepared).graph.node if node.op_type == "Conv"]
        quantize_static(
            prepared,
            int8,
            _Windows(windows),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=recipe.reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=METHODS[recipe.method],
            op_types_to_quantize=["Conv", "Add", "Relu"],
            nodes_to_exclude=convolutions[:1],
            extra_options={"CalibPercentile": recipe.percentile},
        )


class _Windows(CalibrationDataReader):
    def __init__(self, windows: Floats, batch: int = 32) -> None:
        self.batches: Iterator[Floats] = iter([windows[k : k + batch] for k in range(0, len(windows), batch)])

    def get_next(self) -> dict[str, Floats] | None:
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def session(path: Path, optimised: Path | None = None) -> ort.InferenceSession:
    """CPU session on one thread; on request it writes the graph that it really runs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if optimised:
        options.optimized_model_filepath = str(optimised)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def logits(path: Path, signals: Floats) -> Floats:
    """Logits of each record, one by one, as a gateway runs it."""
    running = session(path)
    return np.concatenate([running.run([Output._fields[0]], {INPUT: window[None]})[0] for window in signals])


def linear_heads(path: Path) -> tuple[Floats, Floats]:
    """Weights [tasks, 2C] and biases [tasks] of the heads, as the graph holds them."""
    graph = onnx.load(path).graph
    head = find_heads(graph)
    constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in graph.initializer}
    return constants[head.input[1]], constants[head.input[2]]


def find_heads(graph: onnx.GraphProto) -> onnx.NodeProto:
    """The product of embedding and heads, which together with an offset for missing leads is the logits."""
    for node in graph.node:
        transposed = any(attribute.name == "transB" and attribute.i == 1 for attribute in node.attribute)
        if node.op_type == "Gemm" and node.input[0] == Output._fields[1] and transposed:
            return node
    raise GateError("The logits are not linear in the embedding: alerts could not show saliency.")


def limb_lead_offsets(path: Path, signals: Floats) -> Floats:
    """[n, tasks] of what windows [n, 12, samples] add to their logits because chest leads are absent."""
    limb = np.abs(signals[:, CHEST:]).max(axis=(1, 2)) == 0
    offsets: Floats = np.where(limb[:, None], -limb_only(path), np.float32(0))
    return offsets


def limb_only(path: Path) -> Floats:
    """[tasks] by which the logits of windows without chest leads are lower."""
    constant = next(each for each in onnx.load(path).graph.initializer if each.name == LIMB_ONLY)
    offsets: Floats = onnx.numpy_helper.to_array(constant)
    return offsets


def set_limb_only(path: Path, offsets: Floats) -> None:
    """Put other offsets into a graph, which is the old one or the new one whenever this stops."""
    model = onnx.load(path)
    constant = next(each for each in model.graph.initializer if each.name == LIMB_ONLY)
    constant.CopyFrom(onnx.numpy_helper.from_array(offsets, LIMB_ONLY))
    with whole_file(path) as draft:
        onnx.save(model, draft)


def operators(path: Path) -> Counter[str]:
    """Operators of the graph after ONNX Runtime's optimisation for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        session(path, optimised)
        return Counter(node.op_type for node in onnx.load(optimised).graph.node)


def check_fusion(found: Counter[str], network: Network) -> None:
    """Gate: all convolutions but the stem and all residual additions run in int8, or int8 would not be faster.

    ONNX Runtime's int8 convolutions have the channels last. Until the first convolution on a shortcut, what the stem
    gave is carried past them with the channels first: there and back for each of those blocks, and once at either end.
    """
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    carried = next((k for k, block in enumerate(blocks) if not isinstance(block.shortcut, nn.Identity)), len(blocks))
    convolutions = sum(isinstance(module, nn.Conv2d) for module in network.modules()) - 1
    problems = [
        f"{name} {found[name]}, not {wanted}"
        for name, wanted in (("QLinearConv", convolutions), ("QLinearAdd", len(blocks)))
        if found[name] != wanted
    ]
    if found["Conv"] + found["FusedConv"] > 1:
        problems.append(f"{found['Conv'] + found['FusedConv']} float convolutions, not 1")
    if found["Transpose"] > (most := 2 + 2 * carried):
        problems.append(f"{found['Transpose']} transposes, more than {most}")
    if problems:
        raise GateError(f"The int8 graph does not fuse: {'; '.join(problems)}.")
