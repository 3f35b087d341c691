"""fp32 ONNX -> float16 for GPUs: convolutions, additions and all that lies between them; float32 at both ends.

Baseline, clipping and gain stay in float32 (at 300 mV of electrode offset a float16 has steps of 250 microvolts), and
so do pooling and heads, which are a thousandth of the work.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HALF = {"Conv", "Relu", "Add"}  # of the nodes between preprocessing and pooling, and of no others


def write_half(fp32: Path, half: Path) -> None:
    """Write the graph with float16 weights, and a cast where the halves meet."""
    model = onnx.load(fp32)
    graph = model.graph
    halves = {name for node in graph.node if node.op_type in HALF for name in node.output}
    weights = {name for node in graph.node if node.op_type == "Conv" for name in node.input[1:]}
    for constant in graph.initializer:
        if constant.name in weights:
            values = numpy_helper.to_array(constant).astype(np.float16)
            constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    nodes: list[onnx.NodeProto] = []
    cast: set[str] = set()
    for node in graph.node:
        to_half = node.op_type in HALF
        for place, name in enumerate(node.input):
            if name in weights or (name in halves) == to_half:
                continue
            ours = f"{name}_{'half' if to_half else 'float'}"
            if ours not in cast:
                cast.add(ours)
                nodes.append(
                    helper.make_node("Cast", [name], [ours], to=TensorProto.FLOAT16 if to_half else TensorProto.FLOAT)
                )
            node.input[place] = ours
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]  # their types were those of float32
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, half)
