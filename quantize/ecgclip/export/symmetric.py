"""fp32 ONNX -> int8 with zero points of 0 for TensorRT, which knows no others.

Q and DQ stand where NVIDIA wants them: before each convolution and on the shortcut of each addition, so that a
convolution, the addition behind it and its ReLU become one kernel whose sum is rounded once. Stem, pooling and heads
stay in float, as in u8s8. Symmetric codes have only seven bits for what a ReLU gives: it saturates earlier than u8s8.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from torch import nn

from ecgclip.data.records import Floats
from ecgclip.errors import GateError
from ecgclip.export.onnx_export import INPUT
from ecgclip.model import Block, Network

BATCH = 32
LARGEST_CODE = 127
BINS = 4096


def write_symmetric(fp32: Path, s8s8: Path, windows: Floats, percentile: float) -> None:
    """Calibrate on training windows and write the QDQ graph; what lies above the percentile of magnitudes saturates."""
    model = onnx.load(fp32)
    wanted = _to_quantize(model.graph)
    scales = {name: value / LARGEST_CODE for name, value in _percentiles(model, wanted, windows, percentile).items()}
    quantized = {node.output[0] for node in _convolutions(model.graph)}
    nodes: list[onnx.NodeProto] = []
    for node in list(model.graph.node):
        if node.output[0] in quantized:
            nodes.append(_quantize_weights(model.graph, node))
        if node.output[0] in quantized or node.op_type == "Add":
            for place, name in enumerate(node.input):
                if name in scales:
                    node.input[place] = f"{name}_dequantized"
        nodes.append(node)
        if (name := node.output[0]) in scales:
            nodes += _pair(model.graph, name, scales[name])
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, s8s8)


def _convolutions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """All but the stem."""
    return [node for node in graph.node if node.op_type == "Conv"][1:]


def _to_quantize(graph: onnx.GraphProto) -> list[str]:
    """What the convolutions read, and of each addition the side that comes from the block's input."""
    read = [node.input[0] for node in _convolutions(graph)]
    producers = {name: node for node in graph.node for name in node.output}
    begins = {
        name for name in read if read.count(name) > 1
    }  # a block with a convolution on its shortcut reads it twice
    projected = [
        side
        for node in graph.node
        if node.op_type == "Add"
        for side in node.input
        if producers[side].op_type == "Conv" and producers[side].input[0] in begins
    ]
    return list(dict.fromkeys(read + projected))


def _percentiles(model: onnx.ModelProto, names: list[str], windows: Floats, percentile: float) -> dict[str, float]:
    """Of the magnitudes of each tensor over the windows."""
    largest = dict.fromkeys(names, 0.0)
    for values in _run(model, names, windows):
        largest = {name: max(largest[name], float(np.abs(value).max())) for name, value in values.items()}
    counts = {name: np.zeros(BINS, np.int64) for name in names}
    for values in _run(model, names, windows):
        for name, value in values.items():
            counts[name] += np.histogram(np.abs(value), BINS, (0, largest[name] or 1))[0]
    return {
        name: (largest[name] or 1) * (1 + int(np.searchsorted(np.cumsum(each), percentile / 100 * each.sum()))) / BINS
        for name, each in counts.items()
    }


def _run(model: onnx.ModelProto, names: list[str], windows: Floats) -> Iterator[dict[str, Floats]]:
    """The named tensors of the graph, a few windows at a time."""
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    open_model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    running = ort.InferenceSession(open_model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for k in range(0, len(windows), BATCH):
        yield dict(zip(names, running.run(names, {INPUT: windows[k : k + BATCH]}), strict=True))


def _quantize_weights(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> onnx.NodeProto:
    """Codes in place of the weights, one scale an output channel; return the node that reads them."""
    name = convolution.input[1]
    constant = next(each for each in graph.initializer if each.name == name)
    weights = numpy_helper.to_array(constant)
    scales = np.abs(weights).max(axis=(1, 2, 3)) / LARGEST_CODE
    scales[scales == 0] = 1
    codes = np.round(weights / scales[:, None, None, None]).astype(np.int8)
    graph.initializer.remove(constant)
    convolution.input[1] = f"{name}_dequantized"
    inputs = [_constant(graph, f"{name}_codes", codes), *_parameters(graph, name, scales.astype(np.float32))]
    return helper.make_node("DequantizeLinear", inputs, [convolution.input[1]], axis=0)


def _pair(graph: onnx.GraphProto, name: str, scale: float) -> list[onnx.NodeProto]:
    parameters = _parameters(graph, name, np.array(scale, np.float32))
    codes = f"{name}_codes"
    return [
        helper.make_node("QuantizeLinear", [name, *parameters], [codes]),
        helper.make_node("DequantizeLinear", [codes, *parameters], [f"{name}_dequantized"]),
    ]


def _parameters(graph: onnx.GraphProto, name: str, scale: npt.NDArray[np.float32]) -> list[str]:
    return [_constant(graph, f"{name}_scale", scale), _constant(graph, f"{name}_zero", np.zeros(scale.shape, np.int8))]


def _constant(graph: onnx.GraphProto, name: str, value: npt.NDArray[np.generic]) -> str:
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def check_symmetric(path: Path, network: Network) -> None:
    """Gate: all convolutions but the stem read int8 on both sides, all additions on one, and every zero point is 0."""
    graph = onnx.load(path).graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    dequantized = {
        node.output[0]: constants[node.input[2]] for node in graph.node if node.op_type == "DequantizeLinear"
    }

    def reads(kind: str, sides: int) -> int:
        return sum(
            node.op_type == kind and sum(name in dequantized for name in node.input) == sides for node in graph.node
        )

    convolutions = sum(isinstance(module, nn.Conv2d) for module in network.modules()) - 1
    blocks = sum(isinstance(module, Block) for module in network.modules())
    found = {"convolutions": reads("Conv", 2), "additions": reads("Add", 1)}
    wanted = {"convolutions": convolutions, "additions": blocks}
    problems = [f"{name} {found[name]}, not {wanted[name]}" for name in wanted if found[name] != wanted[name]]
    problems += ["codes that are not int8"] * any(zero.dtype != np.int8 for zero in dequantized.values())
    problems += ["zero points that are not 0"] * any(bool(zero.any()) for zero in dequantized.values())
    if problems:
        raise GateError(f"The symmetric graph is not what TensorRT fuses: {'; '.join(problems)}.")
