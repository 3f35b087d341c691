"""int8 ONNX -> TensorFlow Lite, NHWC, for NPUs.

Every code and scale is the ONNX graph's, uint8 activations moved by 128: what calibration, training and refitted heads
have decided holds here too. float32 at both ends; baseline, stem, pooling and heads stay in float, as there. From the
first residual block to the last everything is int8, in one piece that a delegate can take whole.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from ai_edge_litert import schema_py_generated as tfl

from ecgclip.errors import GateError
from ecgclip.export.same_padded import same_padded
from ecgclip.export.tflite_float import FloatTranslation, attribute
from ecgclip.export.tflite_graph import Quantized, Tensor

UNSIGNED_TO_SIGNED = 128
RELU, NO_RELU = tfl.ActivationFunctionType.RELU, tfl.ActivationFunctionType.NONE
TIME_FIRST = np.array([0, 2, 1], np.int32)  # [1, C, L] <-> [1, L, C]
# Of an operator that works on either, by whether it works on int8; readers refuse a version that they do not know.
VERSIONS = {"CONV_2D": (1, 3), "ADD": (1, 2)}


def write_tflite(int8: Path, tflite: Path) -> None:
    """Translate the QDQ graph; its batch becomes 1."""
    _Translation(onnx.load(int8).graph).write(tflite)


class _Translation(FloatTranslation):
    def write(self, path: Path) -> None:
        inputs = {each.name: self._input(each) for each in self.source.input}
        self.tensors |= inputs
        handlers: dict[str, Callable[[onnx.NodeProto], None]] = {
            "MatMul": self._matmul,
            "Transpose": self._constant_transpose,
            "Sub": self._sub,
            "Clip": self._clip,
            "Mul": self._mul,
            "Slice": self._slice,
            "Abs": self._abs,
            "LessOrEqual": self._less_or_equal,
            "Cast": self._cast,
            "Unsqueeze": self._unsqueeze,
            "Conv": self._convolution,
            "Add": self._addition,
            "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize,
            "Squeeze": self._from_nhwc,
            "ReduceMean": lambda node: self._reduce(node, "MEAN"),
            "ReduceMax": lambda node: self._reduce(node, "REDUCE_MAX"),
            "Concat": self._concatenation,
            "Gemm": self._heads,
        }
        for node in self.nodes:
            if node.output[0] in self.done:
                continue
            if node.op_type not in handlers:
                raise GateError(f"TensorFlow Lite's writer does not know {node.op_type}: teach it, or leave it out.")
            handlers[node.op_type](node)
        self.graph.write(path, inputs, {each.name: self._float(each.name) for each in self.source.output})

    def _input(self, value: onnx.ValueInfoProto) -> Tensor:
        _, *dimensions = value.type.tensor_type.shape.dim
        return self.graph.tensor(value.name, (1, *(each.dim_value for each in dimensions)))

    def _unsqueeze(self, node: onnx.NodeProto) -> None:
        """[1] -> [1, 1]; or [1, C, L] -> [1, 1, L, C], where ONNX goes to [1, C, 1, L]."""
        given = self._float(node.input[0])
        if len(given.shape) == 1:
            self.tensors[node.output[0]] = self._reshape(given, (*given.shape, 1), node.output[0])
            return
        _, channels, length = given.shape
        turned = self._turn(given, f"{node.output[0]}_turned")
        self.tensors[node.output[0]] = self._reshape(turned, (1, 1, length, channels), node.output[0])

    def _from_nhwc(self, node: onnx.NodeProto) -> None:
        image = self._float(node.input[0])
        _, _, length, channels = image.shape
        line = self._reshape(image, (1, length, channels), f"{node.output[0]}_line")
        self.nhwc[node.output[0]] = image
        self.tensors[node.output[0]] = self._turn(line, node.output[0])

    def _turn(self, given: Tensor, name: str) -> Tensor:
        first, a, b = given.shape
        order = self.graph.constant(f"{name}_order", TIME_FIRST)
        return self.graph.operator("TRANSPOSE", 1, [given, order], self.graph.tensor(name, (first, b, a)))

    def _convolution(self, node: onnx.NodeProto) -> None:
        given = self.tensors[node.input[0]]
        _, stride = attribute(node, "strides")
        codes, scales = self._weights(node.input[1])
        _, _, length, _ = given.shape
        codes = same_padded(codes.transpose(0, 2, 3, 1), length, stride, attribute(node, "pads")[1])
        if given.quantized is None:
            weights = self.graph.constant(node.input[1], codes)
            bias = self.graph.constant(node.input[2], self.constants[node.input[2]])
        else:
            assert scales is not None
            weights = self.graph.constant(node.input[1], codes, Quantized(scales, 0))
            bias = self._bias(node.input[2], given.quantized.scale * scales)
        shape = (1, 1, -(-length // stride), codes.shape[0])
        self._with_relu(
            node, "CONV_2D", [given, weights, bias], shape, padding=tfl.Padding.SAME, strideW=stride, strideH=1,
            dilationWFactor=1, dilationHFactor=1,
        )  # fmt: skip

    def _weights(self, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.floating] | None]:
        """A constant, or the codes and scales of one that is dequantized."""
        if name in self.constants:
            return self.constants[name], None
        node = self._producer(name)
        codes, scales, zero_point = (self.constants[each] for each in node.input)
        if np.any(zero_point):
            raise GateError(f"The weights {name} are not symmetric: TensorFlow Lite cannot hold them.")
        return codes, scales

    def _bias(self, name: str, scales: npt.NDArray[np.floating]) -> Tensor:
        codes, old = self._weights(name)
        values = codes.astype(np.float64) * (1 if old is None else old)
        return self.graph.constant(name, np.round(values / scales).astype(np.int32), Quantized(scales, 0))

    def _addition(self, node: onnx.NodeProto) -> None:
        given = [self.tensors[name] for name in node.input]
        self._with_relu(node, "ADD", given, given[0].shape)

    def _with_relu(
        self, node: onnx.NodeProto, operator: str, inputs: list[Tensor], shape: tuple[int, ...], **settings: object
    ) -> None:
        """Append with the ReLU and the quantization that follow, where the inputs are quantized or none is."""
        name, activation, quantized = node.output[0], NO_RELU, None
        if follower := self._only_consumer(name, "Relu"):
            name, activation = follower.output[0], RELU
            self.done.add(name)
        if inputs[0].quantized and (follower := self._only_consumer(name, "QuantizeLinear")):
            quantized = self._parameters(follower)
            name = follower.output[0]
            self.done.add(name)
            if quantized.zero_point == -UNSIGNED_TO_SIGNED:  # ONNX leaves it to the lowest code
                activation = RELU
        version = VERSIONS[operator][quantized is not None]
        output = self.graph.tensor(name, shape, quantized)
        self.tensors[name] = self.graph.operator(
            operator, version, inputs, output, fusedActivationFunction=activation, **settings
        )

    def _quantize(self, node: onnx.NodeProto) -> None:
        given = self.tensors[node.input[0]]
        output = self.graph.tensor(node.output[0], given.shape, self._parameters(node))
        self.tensors[node.output[0]] = self.graph.operator("QUANTIZE", 1, [given], output)

    def _dequantize(self, node: onnx.NodeProto) -> None:
        if node.input[0] not in self.constants:
            self.tensors[node.output[0]] = self.tensors[node.input[0]]

    def _parameters(self, node: onnx.NodeProto) -> Quantized:
        scale, zero_point = (self.constants[name] for name in node.input[1:])
        if zero_point.dtype != np.uint8:
            raise GateError("The activations of the int8 graph are not unsigned: make TensorFlow Lite from u8s8.")
        return Quantized(scale.astype(np.float32), int(zero_point) - UNSIGNED_TO_SIGNED)

    def _reduce(self, node: onnx.NodeProto, operator: str) -> None:
        """Features over time, before they are turned; or leads over everything."""
        given = self.nhwc.get(node.input[0]) or self._float(node.input[0])
        axes = self.graph.constant(f"{node.output[0]}_axes", np.array([1, 2], np.int32))
        output = self.graph.tensor(node.output[0], (1, *given.shape[3:]))
        self.tensors[node.output[0]] = self.graph.operator(operator, 1, [given, axes], output, keepDims=False)

    def _producer(self, name: str) -> onnx.NodeProto:
        return next(node for node in self.nodes if name in node.output)

    def _only_consumer(self, name: str, kind: str) -> onnx.NodeProto | None:
        consumers = [node for node in self.nodes if name in node.input]
        return consumers[0] if len(consumers) == 1 and consumers[0].op_type == kind else None
