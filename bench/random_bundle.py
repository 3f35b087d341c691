"""A signed bundle with random weights, to measure what a geometry costs before anybody has trained it.

    PYTHONPATH=quantize python bench/random_bundle.py --depth 18 --out DIR

The geometry is MERL's (Liu et al. 2024, ICML): 12 x 5000 samples at 500 Hz, widths 64 ... 512, kernel 3, and the blocks of a
ResNet-18 or -34. Latency, fusion and the goldens carry over to trained weights; probabilities mean nothing, and no task alerts.
DIR/bundle is the bundle, DIR/trust holds the public key of this run.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from pathlib import Path

import numpy as np
import torch
from ecgclip.bundle import signed_folder as box
from ecgclip.export import onnx_export
from ecgclip.config import load_recipe
from ecgclip.bundle.goldens import MICROVOLTS_PER_MV, golden_windows
from ecgclip.leads import LEADS
from ecgclip.model import Network, Output

RECIPE = Path(__file__).parents[1] / "quantize/recipes/reference-r18.toml"
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
TASKS = 45
PARITY = {"macroDeltaPrauc": 0, "worstDeltaPrauc": 0, "worstTask": "T0", "decisionFlips": 0}  # nothing was measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, choices=BLOCKS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    write(arguments.depth, arguments.out)


def write(depth: int, out: Path) -> None:
    """Make the network, both variants and the goldens, and sign them."""
    recipe = load_recipe(RECIPE)
    geometry = dataclasses.replace(
        recipe.model, rate=500, samples=5000, stem_kernel=7, kernel=3, widths=(64, 128, 256, 512), blocks=BLOCKS[depth]
    )
    torch.manual_seed(recipe.seed)
    network = Network(geometry, TASKS).eval()
    folder = out / "bundle"
    folder.mkdir(parents=True)
    files = {precision: f"random-r{depth}.{precision}.onnx" for precision in ("int8", "fp32")}
    onnx_export.export_fp32(network, geometry, folder / files["fp32"])
    windows = golden_windows(geometry.rate, geometry.samples, recipe.seed)
    signals = (windows / np.float32(MICROVOLTS_PER_MV)).astype(np.float32)
    onnx_export.quantize(folder / files["fp32"], folder / files["int8"], signals, recipe.quantization)
    expected = {file: 1 / (1 + np.exp(-onnx_export.logits(folder / file, signals))) for file in files.values()}
    box.write_goldens(folder, windows, expected)
    heads = box.write_heads(folder, *onnx_export.linear_heads(folder / files["fp32"]))
    key = box.load_or_make_key(out / "key.pem")
    box.sign(folder, manifest(f"random-r{depth}", files, len(windows)) | {"heads": heads}, key)
    box.publish_key(key.public_key(), out / "trust")


def manifest(name: str, files: dict[str, str], goldens: int) -> dict[str, object]:
    """As `ecgclip.bundle.manifest` makes it, without evidence."""
    return {
        "schema": box.SCHEMA,
        "name": name,
        "version": "0.0.0",
        "counter": 0,
        "created": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "provenance": {"commit": "none", "recipe": "random weights", "datasets": []},
        "input": {
            "name": onnx_export.INPUT,
            "rate": 500,
            "samples": 5000,
            "leads": list(LEADS),
            "unit": "mV",
            "missing": "zero",
            "minimumLeads": 1,
            "resampling": [box.resampling(rate, 500) for rate in (250, 1000)],
        },
        "outputs": {output: output for output in Output._fields},
        "tasks": [
            {
                "id": f"T{task}",
                "group": "diagnosis",
                "display": "random",
                "codes": [],
                "kind": "binary",
                "calibration": {"method": "platt", "a": 1, "b": 0},
                "threshold": {"value": 1, "rule": "none"},
                "alert": None,
                "evidence": None,
            }
            for task in range(TASKS)
        ],
        "variants": [
            {
                "file": files[precision],
                "format": "onnx",
                "precision": precision,
                "scheme": scheme,
                "providers": ["cpu"],
                "parity": PARITY if precision == "int8" else None,
            }
            for precision, scheme in (("int8", "u8s8"), ("fp32", "float"))
        ],
        "goldens": {"inputs": "goldens.bin", "expected": "goldens.json", "count": goldens, "tolerance": 0.05},
    }


if __name__ == "__main__":
    main()
