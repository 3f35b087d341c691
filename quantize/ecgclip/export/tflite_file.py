"""What a finished TensorFlow Lite file says: its answers, and whether it is int8 where it should be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from ecgclip.data.records import Floats
from ecgclip.errors import GateError
from ecgclip.model import Block, Network, Output


def tflite_logits(path: Path, signals: Floats) -> Floats:
    """Logits of each record, one by one, on one thread of the CPU."""
    running = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    (name,) = running.get_input_details()
    return np.concatenate([running(**{name: window[None]})[Output._fields[0]] for window in signals])


def check_int8(path: Path, network: Network) -> None:
    """Gate: all convolutions but the stem and all residual additions are int8, with one way in and one way out."""
    model = tfl.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    names = {code: name for name, code in vars(tfl.BuiltinOperator).items() if isinstance(code, int)}
    found: Counter[str] = Counter()
    for operator in graph.operators:
        ends = (operator.inputs[0], operator.outputs[0])
        whole = all(graph.tensors[index].type == tfl.TensorType.INT8 for index in ends)
        found[f"{'int8' if whole else 'float'} {names[model.operatorCodes[operator.opcodeIndex].builtinCode]}"] += 1
    convolutions = sum(isinstance(module, nn.Conv2d) for module in network.modules()) - 1
    blocks = sum(isinstance(module, Block) for module in network.modules())
    wanted = {"int8 CONV_2D": convolutions, "float CONV_2D": 1, "int8 ADD": blocks}
    wanted |= {"float QUANTIZE": 1, "float DEQUANTIZE": 1}
    if problems := [f"{name} {found[name]}, not {count}" for name, count in wanted.items() if found[name] != count]:
        raise GateError(f"The TensorFlow Lite graph is not int8 in one piece: {'; '.join(problems)}.")
