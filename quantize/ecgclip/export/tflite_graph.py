"""A TensorFlow Lite file that grows operator by operator: those of our networks, by the format's own schema.

Written directly because the general converters bring a second training framework with them, and because this way the
file holds the very codes that the int8 ONNX graph holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as tfl

SCHEMA_VERSION = 3
IDENTIFIER = b"TFL3"
ALIGNMENT = 16
PLACEHOLDER_CODE = 127  # what readers older than 2020 look at, where newer operators do not fit
KINDS = {
    np.dtype(np.float32): tfl.TensorType.FLOAT32,
    np.dtype(np.int32): tfl.TensorType.INT32,
    np.dtype(np.int8): tfl.TensorType.INT8,
    np.dtype(np.bool_): tfl.TensorType.BOOL,
}


class Quantized(NamedTuple):
    """real = scale x (code - zero point); several scales: one for each slice of the first axis."""

    scale: npt.NDArray[np.floating]
    zero_point: int


class Tensor(NamedTuple):
    """One tensor of the graph."""

    number: int
    shape: tuple[int, ...]
    quantized: Quantized | None


class _AlignedBuffer(tfl.BufferT):
    """The schema wants constants on 16 bytes; its Python classes do not see to it."""

    def Pack(self, builder: Any) -> int:  # noqa: ANN401, N802 - as the schema's classes have it
        builder.StartVector(1, len(self.data), ALIGNMENT)
        builder.head -= len(self.data)
        builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
        data = builder.EndVector()
        tfl.BufferStart(builder)
        tfl.BufferAddData(builder, data)
        end: int = tfl.BufferEnd(builder)
        return end


class TfliteGraph:
    """One subgraph with one signature."""

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[tuple[int, int]] = []
        self._buffers = [tfl.BufferT()]  # the first is empty: what has no constant value refers to it

    def tensor(self, name: str, shape: tuple[int, ...], quantized: Quantized | None = None) -> Tensor:
        """A tensor that an operator or the caller fills: float32, or int8 where it is quantized."""
        return self._add(name, shape, np.dtype(np.float32 if quantized is None else np.int8), quantized, buffer=0)

    def truth(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A tensor that an operator fills with yes or no."""
        return self._add(name, shape, np.dtype(np.bool_), None, buffer=0)

    def constant(self, name: str, value: npt.NDArray[Any], quantized: Quantized | None = None) -> Tensor:
        """A tensor with a value: float32, int32 or int8."""
        buffer = _AlignedBuffer()
        buffer.data = np.ascontiguousarray(value).tobytes()
        self._buffers.append(buffer)
        return self._add(name, value.shape, value.dtype, quantized, buffer=len(self._buffers) - 1)

    def _add(
        self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], quantized: Quantized | None, buffer: int
    ) -> Tensor:
        tensor = tfl.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), KINDS[dtype], buffer
        if quantized is not None:
            tensor.quantization = tfl.QuantizationParametersT()
            tensor.quantization.scale = [float(scale) for scale in np.atleast_1d(quantized.scale)]
            tensor.quantization.zeroPoint = [quantized.zero_point] * len(tensor.quantization.scale)
        self._tensors.append(tensor)
        return Tensor(len(self._tensors) - 1, tuple(shape), quantized)

    def operator(self, name: str, version: int, inputs: list[Tensor], output: Tensor, **settings: object) -> Tensor:
        """Append a builtin operator, e.g. `CONV_2D`, with the attributes of its options; return its output."""
        operator = tfl.OperatorT()
        code = (getattr(tfl.BuiltinOperator, name), version)
        if code not in self._codes:
            self._codes.append(code)
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs, operator.outputs = [each.number for each in inputs], [output.number]
        kind = OPTIONS[name]
        operator.builtinOptionsType = getattr(tfl.BuiltinOptions, kind)
        operator.builtinOptions = getattr(tfl, f"{kind}T")()
        for key, value in settings.items():
            if not hasattr(operator.builtinOptions, key):
                raise AttributeError(f"{kind} has no {key}.")
            setattr(operator.builtinOptions, key, value)
        self._operators.append(operator)
        return output

    def write(self, path: Path, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> None:
        """Write the file, with the names of its ends as signature."""
        subgraph, signature, model = tfl.SubGraphT(), tfl.SignatureDefT(), tfl.ModelT()
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs = [each.number for each in inputs.values()]
        subgraph.outputs = [each.number for each in outputs.values()]
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = _named(inputs), _named(outputs)
        model.version, model.subgraphs, model.buffers = SCHEMA_VERSION, [subgraph], self._buffers
        model.signatureDefs, model.operatorCodes = [signature], [_code(*each) for each in self._codes]
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
        path.write_bytes(bytes(builder.Output()))


OPTIONS = {
    "ABS": "AbsOptions",
    "ADD": "AddOptions",
    "CAST": "CastOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "LESS_EQUAL": "LessEqualOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MUL": "MulOptions",
    "QUANTIZE": "QuantizeOptions",
    "REDUCE_MAX": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "SLICE": "SliceOptions",
    "SUB": "SubOptions",
    "TRANSPOSE": "TransposeOptions",
}


def _named(tensors: dict[str, Tensor]) -> list[Any]:
    maps = []
    for name, tensor in tensors.items():
        entry = tfl.TensorMapT()
        entry.name, entry.tensorIndex = name, tensor.number
        maps.append(entry)
    return maps


def _code(builtin: int, version: int) -> Any:  # noqa: ANN401 - the schema's classes are untyped
    code = tfl.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, PLACEHOLDER_CODE), version
    return code
