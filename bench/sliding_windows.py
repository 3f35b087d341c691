"""What the overlap of sliding windows could save, and what it would cost in probability.

    PYTHONPATH=quantize python bench/sliding_windows.py [--records N] [--hop SAMPLES]

The shipped network starts with a projection on cosines over the whole window, so no convolution of one window is one of the next.
The cheapest possible reuse keeps the network as it is and takes the feature map (before pooling) of the seconds already seen from
the window before, so that only the new second would have to be computed: an upper bound on what any cached stage can save, and, as
only the map's last steps are exact, the error that this makes. Simulated rhythms with baseline wander, fp32; the hop,
in samples of the network's rate, is a multiple of the network's stride of 16, so that steps of both maps lie over one another.
Prints the share of the map that would be reused and the largest and 99th-percentile error in probability (the gate is 0.005).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
from ecgclip.simulator.dipole import CONDITIONS, simulate

BUNDLE = Path(__file__).parents[1] / "models/reference"
STRIDE = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument("--hop", type=int, default=6 * STRIDE)
    arguments = parser.parse_args()
    records, hop = arguments.records, arguments.hop
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    rate, samples = int(manifest["input"]["rate"]), int(manifest["input"]["samples"])
    file = next(v["file"] for v in manifest["variants"] if v["precision"] == "fp32")
    session = ort.InferenceSession(BUNDLE / file, providers=["CPUExecutionProvider"])
    heads = np.fromfile(BUNDLE / "heads.bin", "<f4")
    channels, tasks = manifest["heads"]["channels"], len(manifest["tasks"])
    weights, biases = heads[: tasks * 2 * channels].reshape(tasks, -1), heads[tasks * 2 * channels :]
    platt = np.array([[task["calibration"]["a"], task["calibration"]["b"]] for task in manifest["tasks"]])
    rng = np.random.default_rng(1)
    errors: dict[int, list[float]] = {margin: [] for margin in (0, 2, 4, 8)}
    length = 0
    for record in range(records):
        make = list(CONDITIONS.values())[record % len(CONDITIONS)]
        signal = np.concatenate([simulate([make()], rate, 100 * record + part).signal for part in range(2)], axis=1)
        time = np.arange(signal.shape[1]) / rate
        signal = signal + 0.3 * np.sin(2 * np.pi * (0.15 * time + rng.random()))
        before: np.ndarray | None = None
        for start in range(0, signal.shape[1] - samples + 1, hop):
            window = signal[None, :, start : start + samples].astype(np.float32)
            (features,) = session.run([manifest["outputs"]["features"]], {"ecg": window})
            length = features.shape[2]
            step = hop // STRIDE
            if before is not None:
                exact = probabilities(features[0], weights, biases, platt)
                for margin, found in errors.items():
                    mixed = features[0].copy()  # what is left of the margin at each edge comes from the window before
                    mixed[:, margin : length - step - margin] = before[:, step + margin : length - margin]
                    found.append(float(np.abs(probabilities(mixed, weights, biases, platt) - exact).max()))
            before = features[0]
    for margin, found in errors.items():
        reused = 1 - (step + 2 * margin) / length
        print(
            f"margin {margin:2d} of {length} steps: {reused:5.1%} reused, "
            f"largest error {max(found):.4f}, 99 % below {np.quantile(found, 0.99):.4f}, "
            f"median {np.median(found):.4f} ({len(found)} windows)"
        )


def probabilities(features: np.ndarray, weights: np.ndarray, biases: np.ndarray, platt: np.ndarray) -> np.ndarray:
    """Calibrated, of a map [channels, time]."""
    pooled = np.concatenate([features.mean(axis=1), features.max(axis=1)])
    result: np.ndarray = 1 / (1 + np.exp(-(platt[:, 0] * (weights @ pooled + biases) + platt[:, 1])))
    return result


if __name__ == "__main__":
    main()
