"""A finished bundle, opened for measuring: its tasks with their operating points, and its graphs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ecgclip.bundle.signed_folder import file_entry
from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError
from ecgclip.export.onnx_export import INPUT, session
from ecgclip.judging.calibrate import Platt
from ecgclip.model import Output


@dataclass(frozen=True)
class OpenBundle:
    """Manifest and folder."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def tasks(self) -> tuple[str, ...]:
        """In the order of the logits."""
        return tuple(task["id"] for task in self.manifest["tasks"])

    @property
    def variants(self) -> dict[str, dict[str, Any]]:
        """Entries of the manifest: `reference-r18.int8.onnx` is int8, `reference-r18.int8.tflite` is int8.tflite."""
        return {
            variant["file"].removesuffix(".onnx").split(".", 1)[-1]: variant for variant in self.manifest["variants"]
        }

    def graph(self, variant: str) -> Path:
        """An ONNX file."""
        found = {name: entry for name, entry in self.variants.items() if entry["format"] == "onnx"}
        if variant not in found:
            raise EcgclipError(f"{self.folder} has no ONNX variant {variant}: it has {', '.join(found)}.")
        return self.folder / str(found[variant]["file"])

    def probabilities(self, logits: Floats) -> Floats:
        """Calibrated as a gateway does."""
        platt = [Platt(task["calibration"]["a"], task["calibration"]["b"]) for task in self.manifest["tasks"]]
        return np.stack([each(logits[:, k]) for k, each in enumerate(platt)], axis=1)

    def heads(self) -> tuple[Floats, Floats]:
        """Weights [tasks, 2C] and biases [tasks]."""
        values = np.fromfile(self.folder / self.manifest["heads"]["file"], "<f4")
        width = 2 * self.manifest["heads"]["channels"]
        return values[: width * len(self.tasks)].reshape(-1, width), values[width * len(self.tasks) :]


def open_bundle(folder: Path) -> OpenBundle:
    """Read the manifest and check every file against it; whose signature it has is for gateways to decide."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise EcgclipError(f"{folder} is no bundle: run `bundle` to make one.") from error
    for name, entry in manifest["files"].items():
        if not (folder / name).is_file() or file_entry(folder / name) != entry:
            raise EcgclipError(f"{folder / name} is not the file of the manifest: copy the bundle again.")
    return OpenBundle(folder, manifest)


def answers(graph: Path, windows: Iterator[Floats]) -> Iterator[Output]:
    """Logits, embedding and features of each [12, samples] mV window, one by one, as a gateway runs it."""
    running = session(graph)
    for window in windows:
        yield Output(*(part[0] for part in running.run(list(Output._fields), {INPUT: window[None]})))
