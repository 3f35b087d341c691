"""The forms that one network is shipped in, and running each of them.

fp32 and int8 (u8s8) every bundle has. The others are made from these two; one that cannot be made, or is not as good as
fp32, is left out of the bundle, and the report says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecgclip.config import Recipe
from ecgclip.data.records import Floats
from ecgclip.errors import GateError
from ecgclip.export import onnx_export
from ecgclip.export.half import write_half
from ecgclip.export.symmetric import check_symmetric, write_symmetric
from ecgclip.export.tflite import write_tflite
from ecgclip.export.tflite_file import check_int8, tflite_logits
from ecgclip.model import Network


@dataclass(frozen=True)
class Variant:
    """One file of a bundle."""

    file: str  # in the work folder; in a bundle the recipe's name stands before it
    precision: str
    scheme: str  # s8s8: all zero points are 0; s8s8-nhwc: those of the weights
    providers: tuple[str, ...]  # that it is meant for, best first

    @property
    def format(self) -> str:
        """`onnx` or `tflite`."""
        return self.file.rsplit(".", 1)[1]


INT8 = Variant("int8.onnx", "int8", "u8s8", ("cpu",))
FP32 = Variant("fp32.onnx", "fp32", "float", ("cuda", "webgpu", "cpu"))
FP16 = Variant("fp16.onnx", "fp16", "float", ("cuda", "webgpu"))
S8S8 = Variant("s8s8.onnx", "int8", "s8s8", ("tensorrt",))
TFLITE = Variant("int8.tflite", "int8", "s8s8-nhwc", ("npu", "delegate", "cpu"))
OBLIGATORY = (INT8, FP32)
FURTHER = (FP16, S8S8, TFLITE)
ORIGINS = {FP16: FP32, TFLITE: INT8}  # same numbers in another form: its goldens must be those of the origin, too


def export_further(recipe: Recipe, network: Network, work: Path, windows: Floats) -> dict[str, str]:
    """Make the others from fp32.onnx and int8.onnx; return why one was not made, by its file."""
    fp32, int8 = work / FP32.file, work / INT8.file

    def half(path: Path) -> None:
        write_half(fp32, path)

    def symmetric(path: Path) -> None:
        write_symmetric(fp32, path, windows, recipe.quantization.symmetric_percentile)
        check_symmetric(path, network)

    def tflite(path: Path) -> None:
        write_tflite(int8, path)
        check_int8(path, network)

    makers: dict[Variant, Callable[[Path], None]] = {FP16: half, S8S8: symmetric, TFLITE: tflite}
    left_out = {}
    for variant, make in makers.items():
        path = work / variant.file
        try:
            make(path)
        except GateError as error:
            path.unlink(missing_ok=True)
            left_out[variant.file] = str(error)
    return left_out


def logits_of(path: Path, signals: Floats) -> Floats:
    """Logits of each record, one by one, by the runtime that the file is for."""
    return tflite_logits(path, signals) if path.suffix == ".tflite" else onnx_export.logits(path, signals)
