"""ONNX -> TensorFlow Lite, the part in float32: baseline and gain, pooling's end, heads, and offsets of limb leads."""

from __future__ import annotations

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as tfl

from ecgclip.errors import GateError
from ecgclip.export.tflite_graph import Tensor, TfliteGraph


class FloatTranslation:
    """What has been translated so far, and the operators that work on float32 only: each takes one node."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.source = graph
        self.constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
        self.nodes = list(graph.node)
        self.graph = TfliteGraph()
        self.tensors: dict[str, Tensor] = {}
        self.nhwc: dict[str, Tensor] = {}  # features before they were turned
        self.floats: dict[int, Tensor] = {}  # by the number of what was dequantized
        self.done: set[str] = set()  # outputs of nodes that became part of another operator

    def _float(self, name: str) -> Tensor:
        """The tensor of this name, dequantized once where it is int8."""
        tensor = self.tensors[name]
        if tensor.quantized is None:
            return tensor
        if tensor.number not in self.floats:
            plain = self.graph.tensor(f"{name}_float", tensor.shape)
            self.floats[tensor.number] = self.graph.operator("DEQUANTIZE", 2, [tensor], plain)
        return self.floats[tensor.number]

    def _matmul(self, node: onnx.NodeProto) -> None:
        matrix = self.constants[node.input[1]]
        given = self._float(node.input[0])
        output = self.graph.tensor(node.output[0], (*given.shape[:-1], matrix.shape[1]))
        weights = self.graph.constant(node.input[1], matrix.T)
        self.tensors[node.output[0]] = self.graph.operator(
            "FULLY_CONNECTED", 5, [given, weights], output, keepNumDims=True
        )

    def _constant_transpose(self, node: onnx.NodeProto) -> None:
        self.constants[node.output[0]] = self.constants[node.input[0]].transpose(attribute(node, "perm"))

    def _sub(self, node: onnx.NodeProto) -> None:
        given = [self._float(name) for name in node.input]
        self._same_shape("SUB", node.output[0], given)

    def _clip(self, node: onnx.NodeProto) -> None:
        low, high = (self._number(name) for name in node.input[1:])
        below = self._same_shape("MINIMUM", f"{node.output[0]}_below", [self._float(node.input[0]), high])
        self._same_shape("MAXIMUM", node.output[0], [below, low])

    def _mul(self, node: onnx.NodeProto) -> None:
        """By one number; or one number by a row, as windows without chest leads take their offsets."""
        given, constant = self._float(node.input[0]), self.constants[node.input[1]]
        if constant.size == 1:
            self._same_shape("MUL", node.output[0], [given, self._number(node.input[1])])
            return
        row = self.graph.constant(node.input[1], constant.reshape(1, -1))
        output = self.graph.tensor(node.output[0], row.shape)
        self.tensors[node.output[0]] = self.graph.operator("MUL", 1, [given, row], output)

    def _slice(self, node: onnx.NodeProto) -> None:
        """The last leads, whole."""
        given = self._float(node.input[0])
        first, last, axis, step = (int(self.constants[name].item()) for name in node.input[1:])
        leads = given.shape[1]
        if (axis, step) != (1, 1) or last < leads:
            raise GateError("TensorFlow Lite's writer takes slices of the last leads only: teach it this one.")
        shape = (1, leads - first, *given.shape[2:])
        ends = [np.array(each, np.int32) for each in ((0, first, *(0 for _ in shape[2:])), shape)]
        constants = [self.graph.constant(f"{node.output[0]}_{k}", each) for k, each in enumerate(ends)]
        output = self.graph.tensor(node.output[0], shape)
        self.tensors[node.output[0]] = self.graph.operator("SLICE", 1, [given, *constants], output)

    def _abs(self, node: onnx.NodeProto) -> None:
        self._same_shape("ABS", node.output[0], [self._float(node.input[0])])

    def _less_or_equal(self, node: onnx.NodeProto) -> None:
        given = self._float(node.input[0])
        output = self.graph.truth(node.output[0], given.shape)
        limit = self._number(node.input[1])
        self.tensors[node.output[0]] = self.graph.operator("LESS_EQUAL", 1, [given, limit], output)

    def _cast(self, node: onnx.NodeProto) -> None:
        if next(each.i for each in node.attribute if each.name == "to") != onnx.TensorProto.FLOAT:
            raise GateError("TensorFlow Lite's writer casts to float32 only: give it the int8 graph.")
        self._same_shape(
            "CAST", node.output[0], [self.tensors[node.input[0]]],
            inDataType=tfl.TensorType.BOOL, outDataType=tfl.TensorType.FLOAT32,
        )  # fmt: skip

    def _number(self, name: str) -> Tensor:
        return self.graph.constant(name, self.constants[name].reshape(1).astype(np.float32))

    def _same_shape(self, operator: str, name: str, inputs: list[Tensor], **settings: object) -> Tensor:
        output = self.graph.tensor(name, inputs[0].shape)
        self.tensors[name] = self.graph.operator(operator, 1, inputs, output, **settings)
        return self.tensors[name]

    def _reshape(self, given: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
        wanted = self.graph.constant(f"{name}_shape", np.array(shape, np.int32))
        return self.graph.operator("RESHAPE", 1, [given, wanted], self.graph.tensor(name, shape), newShape=list(shape))

    def _concatenation(self, node: onnx.NodeProto) -> None:
        given = [self._float(name) for name in node.input]
        output = self.graph.tensor(node.output[0], (1, sum(each.shape[1] for each in given)))
        self.tensors[node.output[0]] = self.graph.operator("CONCATENATION", 1, given, output, axis=1)

    def _heads(self, node: onnx.NodeProto) -> None:
        weights, biases = (self.graph.constant(name, self.constants[name]) for name in node.input[1:])
        output = self.graph.tensor(node.output[0], (1, weights.shape[0]))
        self.tensors[node.output[0]] = self.graph.operator(
            "FULLY_CONNECTED", 1, [self._float(node.input[0]), weights, biases], output
        )


def attribute(node: onnx.NodeProto, name: str) -> list[int]:
    """The integers of an attribute that must be there."""
    return next(list(each.ints) for each in node.attribute if each.name == name)
