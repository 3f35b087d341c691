"""The steps from recordings to a bundle; each reads what the one before left in the work folder, so each can be redone.

- train: network.pt
- export: fp32.onnx and int8.onnx; stops when int8 does not fuse
- evaluate: report.json; calibrates and measures; stops when int8 is not as good as fp32. From the calibrated graphs it
  makes the further variants, and leaves out what is not as good
- bundle: a signed bundle folder
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ecgclip.bundle import signed_folder as box
from ecgclip.bundle.card import write_card
from ecgclip.bundle.goldens import MICROVOLTS_PER_MV, golden_windows
from ecgclip.bundle.manifest import manifest
from ecgclip.catalog import CATALOG, load_catalog
from ecgclip.config import Recipe
from ecgclip.data.joint import Joint
from ecgclip.data.records import Floats
from ecgclip.errors import EcgclipError, GateError
from ecgclip.export import onnx_export
from ecgclip.export.variants import FURTHER, OBLIGATORY, ORIGINS, export_further, logits_of
from ecgclip.judging.calibrate import OperatingPoint
from ecgclip.judging.devices import devices
from ecgclip.judging.evaluate import (
    Parity,
    check_goldens,
    check_numbers,
    check_parity,
    limb_lead_shifts,
    measure_macro,
    measure_task,
    operating_point,
    parity,
    probabilities,
)
from ecgclip.judging.judged import Judged, with_crossed
from ecgclip.judging.rhythm_scores import rhythm_report
from ecgclip.leads import LEADS
from ecgclip.metrics import columns_with, patient_draws
from ecgclip.model import CHEST, Network
from ecgclip.quality.card import quality_section
from ecgclip.training.cross_validate import open_crossed
from ecgclip.training.refit import refit_heads
from ecgclip.training.train import load_network, train, trained_by
from ecgclip.training.tune import tune
from ecgclip.whole_file import whole_file

VARIANTS = ("int8", "fp32")  # whose heads are fitted; all others are made from them
COHORT = "ptbxl"  # the set whose macro averages are reported
# Leads that a device might have; measured beside all twelve.
LEAD_SETS = {"limb leads only": LEADS[:6], "lead II only": ("II",), "lead I only": ("I",)}


def train_step(recipe: Recipe, joint: Joint, work: Path, *, progress: bool) -> Network:
    """Train, from where an interrupted run stopped, and keep the weights with the names of their tasks."""
    _check_measurable(recipe, joint)
    checkpoint = work / "checkpoint.pt"
    network = train(recipe, joint, checkpoint, progress=progress)
    about = {"tasks": joint.tasks, "recipe": trained_by(recipe), "records": joint.who()}
    with whole_file(work / "network.pt") as draft:
        torch.save({**about, "weights": network.state_dict()}, draft)
    checkpoint.unlink()
    return network


def _check_measurable(recipe: Recipe, joint: Joint) -> None:
    """Before hours of training: what `evaluate` measures by, and must not alarm."""
    if COHORT not in [each.name for each in joint.sets if each.validation_folds]:
        raise EcgclipError(
            f"Recipe {recipe.name} validates with no set {COHORT}, which `evaluate` measures by: add it."
        )
    if "NORM" not in joint.tasks:
        raise EcgclipError("No set that is validated has enough of NORM, which alerts are kept quiet by: import more.")
    minimum = recipe.quantization.task_gate_positives
    if not columns_with(joint.labels[joint.rows(joint.validation, COHORT)], minimum):
        raise EcgclipError(f"No task has {minimum} positives in {COHORT}'s validation folds: int8 cannot be judged.")


def export_step(recipe: Recipe, joint: Joint, work: Path, *, progress: bool) -> None:
    """Tune for int8, write both graphs, calibrated on training windows drawn by the seed, and fit some heads again.

    Both are there when all of it is done and passed its gate, or neither is.
    """
    _forget_report(work)
    graphs = {variant: work / f"{variant}.onnx" for variant in VARIANTS}
    for graph in graphs.values():
        graph.unlink(missing_ok=True)
    calibration = _calibration(recipe, joint)
    folded = onnx_export.fold_batch_norm(load_network(recipe, joint, work))
    network = tune(folded, recipe, joint, calibration, progress=progress)
    with tempfile.TemporaryDirectory(dir=work, prefix=".export-") as temporary:
        fresh = {variant: Path(temporary) / graph.name for variant, graph in graphs.items()}
        onnx_export.export_fp32(network, recipe.model, fresh["fp32"])
        onnx_export.quantize(fresh["fp32"], fresh["int8"], calibration, recipe.quantization)
        onnx_export.check_fusion(onnx_export.operators(fresh["int8"]), network)
        for refit in recipe.refits:
            refit_heads(recipe, refit, joint, fresh["int8"], list(fresh.values()))
        for variant, graph in graphs.items():
            fresh[variant].replace(graph)


def _calibration(recipe: Recipe, joint: Joint) -> Floats:
    """Training windows drawn by the seed, as many of each set: one lead alone does not show what twelve reach."""
    settings, generator = recipe.quantization, torch.Generator().manual_seed(recipe.seed)
    return joint.twelve(joint.evenly(settings.tuning_draws).epoch(generator)[: settings.windows])


def evaluate_step(recipe: Recipe, joint: Joint, work: Path, catalog: Path = CATALOG) -> dict[str, Any]:
    """Calibrate on int8 logits, measure, check the gates, and write report.json."""
    files = {variant: _need(work / f"{variant}.onnx", "export") for variant in VARIANTS}
    _forget_report(work)
    rows = joint.rows(joint.validation)
    signals, truth = joint.twelve(rows), joint.labels[rows]
    logits = {variant: onnx_export.logits(file, signals) for variant, file in files.items()}
    for variant, values in logits.items():
        check_numbers(values, variant)
    settings, known = recipe.calibration, load_catalog(catalog)
    limb = np.asarray(np.abs(signals[:, CHEST:]).max(axis=(1, 2)) == 0)
    crossed = open_crossed(recipe, joint, work) if settings.cross_validated else None
    apart = crossed.tasks if crossed else ()
    shifts = limb_lead_shifts(Judged(joint, rows, logits["int8"]), limb, known, settings, apart)
    offsets = (onnx_export.limb_only(files["int8"]) + shifts).astype(np.float32)
    for variant, file in files.items():  # a run that was stopped between the two has shifted the first alone
        more = offsets - onnx_export.limb_only(file)
        logits[variant] = (logits[variant] - limb[:, None] * more).astype(np.float32)
        onnx_export.set_limb_only(file, offsets)
    whole = Judged(joint, rows, logits["int8"])
    acute = with_crossed(whole, crossed) if crossed else whole
    judged = {task: acute if task in apart else whole for task in joint.tasks}
    positives = dict(zip(joint.tasks, joint.training_positives(), strict=True))
    by_task = {task: operating_point(task, judged[task], positives[task], known, settings) for task in joint.tasks}
    points = list(by_task.values())
    cohort = np.flatnonzero(np.isin(rows, joint.rows(joint.validation, COHORT)))

    def compare(values: Floats) -> tuple[Parity, Parity]:
        """With fp32, on the cohort and everywhere."""
        here, everywhere = (
            parity(logits["fp32"][at], values[at], truth[at], joint.tasks, points, settings, recipe.quantization)
            for at in (cohort, np.arange(len(rows)))
        )
        return here, everywhere

    compared, everywhere = compare(logits["int8"])
    scores = {variant: values[cohort] for variant, values in logits.items()}
    scores |= _elsewhere(files["int8"], signals[cohort], recipe.model.rate)
    draws = {
        each.crossed: patient_draws(list(each.patients), settings.bootstraps, recipe.seed) for each in (whole, acute)
    }
    report = {
        "recipe": recipe.name,
        "trained_by": trained_by(recipe),
        "sets": _set_report(joint),
        "parameters": sum(p.numel() for p in load_network(recipe, joint, work).parameters()),
        "operators": dict(onnx_export.operators(files["int8"])),
        "macro": {
            name: measure_macro(score, truth[cohort], settings, draws[False][:, cohort])
            for name, score in scores.items()
        },
        "parity": asdict(compared),
        "parity_everywhere": asdict(everywhere),
        "rhythms": rhythm_report(judged, by_task),
        "tasks": {
            task: {
                "point": point.as_json(),
                "cohort": judged[task].cohort(task),
                "measures": asdict(
                    measure_task(task, judged[task], point, int(positives[task]), settings, draws[judged[task].crossed])
                ),
            }
            for task, point in by_task.items()
        },
    }
    check_parity(compared, recipe.quantization)
    left_out = export_further(recipe, load_network(recipe, joint, work), work, _calibration(recipe, joint))
    report |= _measure_further(recipe, work, left_out, signals, points, compare)
    (work / "report.json").write_text(json.dumps(report, indent=1))
    return report


def _elsewhere(int8: Path, signals: Floats, rate: int) -> dict[str, Floats]:
    """Logits of the same windows with fewer leads, and as other devices would record them."""
    seen = {name: only(signals, leads) for name, leads in LEAD_SETS.items()}
    seen |= {name: recorded(signals) for name, recorded in devices(rate).items()}
    return {f"int8, {name}": onnx_export.logits(int8, each) for name, each in seen.items()}


def _measure_further(
    recipe: Recipe,
    work: Path,
    left_out: dict[str, str],
    signals: Floats,
    points: list[OperatingPoint],
    compare: Callable[[Floats], tuple[Parity, Parity]],
) -> dict[str, Any]:
    """How the further variants compare; beside those `left_out` at once, which miss a gate and why."""
    left_out = dict(left_out)
    windows = golden_windows(recipe.model.rate, recipe.model.samples, recipe.seed)
    found = {}
    for variant in FURTHER:
        if variant.file in left_out:
            continue
        logits = logits_of(work / variant.file, signals)
        cohort, everywhere = compare(logits)
        found[variant.file] = {"parity": asdict(cohort), "parity_everywhere": asdict(everywhere)}
        try:
            check_numbers(logits, variant.file)
            check_parity(cohort, recipe.quantization, variant.file)
            if origin := ORIGINS.get(variant):
                expected, ours = (answers(work / each.file, windows, points) for each in (origin, variant))
                check_goldens(ours, expected, recipe.bundle.tolerance, variant.file)
        except GateError as error:
            left_out[variant.file] = str(error)
    return {"variants": found, "left_out": left_out}


def _set_report(joint: Joint) -> list[dict[str, Any]]:
    """What went in: windows for training and for everything that was chosen, and of how many patients."""
    return [
        {
            "name": records.manifest["name"],
            "licence": records.manifest["licence"],
            "rejected": records.manifest["rejected"],
        }
        | {
            use: {"windows": len(here), "patients": len(set(joint.patients(here))), "folds": list(folds)}
            for use, where, folds in (
                ("training", joint.training, settings.training_folds),
                ("validation", joint.validation, settings.validation_folds),
            )
            for here in [joint.rows(where, settings.name)]
        }
        for settings, records in zip(joint.sets, joint.records, strict=True)
    ]


def bundle_step(
    recipe: Recipe,
    work: Path,
    out: Path,
    trust: Path,
    key: Path,
    catalog: Path = CATALOG,
    *,
    quality: Path | None = None,
) -> None:
    """Fill a new folder, sign it, and put it in the place of the old one, whose counter must have been lower."""
    report = json.loads(_need(work / "report.json", "evaluate").read_text())
    if report.get("trained_by", trained_by(recipe)) != trained_by(recipe):
        raise EcgclipError(f"{work / 'report.json'} is of another recipe or --encoder: give the same.")
    if (old := out / "manifest.json").exists() and json.loads(old.read_text())["counter"] >= recipe.bundle.counter:
        raise EcgclipError(f"{out} already has counter {recipe.bundle.counter} or higher: raise it in the recipe.")
    tasks = load_catalog(catalog)
    signing = box.load_or_make_key(key)
    quality = quality or (work / box.QUALITY if (work / box.QUALITY).exists() else None)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".bundle-") as temporary:
        fresh = Path(temporary) / out.name
        fresh.mkdir()
        variants = [*OBLIGATORY, *(each for each in FURTHER if each.file not in report["left_out"])]
        names = {variant: f"{recipe.name}.{variant.file}" for variant in variants}
        for variant, name in names.items():
            shutil.copyfile(_need(work / variant.file, "evaluate"), fresh / name)
        windows = golden_windows(recipe.model.rate, recipe.model.samples, recipe.seed)
        points = [OperatingPoint.from_json(entry["point"]) for entry in report["tasks"].values()]
        box.write_goldens(fresh, windows, {name: answers(fresh / name, windows, points) for name in names.values()})
        heads = box.write_heads(fresh, *onnx_export.linear_heads(work / "fp32.onnx"))
        optional: dict[str, object] = {"heads": heads}
        if quality is not None:
            optional |= box.add_quality(fresh, quality)
        (fresh / "MODEL_CARD.md").write_text(write_card(recipe, report, tasks) + quality_section(quality))
        box.sign(fresh, manifest(recipe, report, names, len(windows), catalog) | optional, signing)
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
    box.publish_key(signing.public_key(), trust)
    box.verify(out, signing.public_key())


def answers(model: Path, windows: npt.NDArray[np.int16], points: list[OperatingPoint]) -> npt.NDArray[np.floating]:
    """Calibrated probabilities of windows in microvolts."""
    signals = (windows / np.float32(MICROVOLTS_PER_MV)).astype(np.float32)
    return probabilities(logits_of(model, signals), points)


def only(signals: Floats, leads: tuple[str, ...]) -> Floats:
    """Zero all other leads."""
    return signals * np.isin(LEADS, leads).astype(np.float32)[:, None]


def _forget_report(work: Path) -> None:
    """What was measured of other graphs, or passed other gates, is no report of those that come."""
    (work / "report.json").unlink(missing_ok=True)


def _need(path: Path, step: str) -> Path:
    if not path.is_file():
        raise EcgclipError(f"{path} is not there: run `{step}` first.")
    return path
