"""The manifest of a bundle (schema urn:ecgclip:bundle:1), from the recipe and what `evaluate` measured."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from typing import Any

from ecgclip.bundle import signed_folder as box
from ecgclip.catalog import load_catalog
from ecgclip.config import Recipe
from ecgclip.export import onnx_export
from ecgclip.export.variants import Variant
from ecgclip.leads import LEADS
from ecgclip.model import Output


def manifest(
    recipe: Recipe, report: dict[str, Any], names: dict[Variant, str], goldens: int, catalog: Path
) -> dict[str, object]:
    """What is known before the files are: without their hashes, and without what a bundle may have beside."""
    rate = recipe.model.rate
    parities = {file: each["parity"] for file, each in report["variants"].items()} | {"int8.onnx": report["parity"]}
    return {
        "schema": box.SCHEMA,
        "name": recipe.name,
        "version": recipe.bundle.version,
        "counter": recipe.bundle.counter,
        "created": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "provenance": {
            "commit": _commit(),
            "recipe": recipe.name,
            "datasets": [
                {
                    "name": f"{each['name']}, {use} (folds {', '.join(map(str, each[use]['folds']))})",
                    "records": each[use]["windows"],
                    "licence": each["licence"],
                }
                for each in report["sets"]
                for use in ("training", "validation")
                if each[use]["folds"]
            ],
        },
        "input": {
            "name": onnx_export.INPUT,
            "rate": rate,
            "samples": recipe.model.samples,
            "leads": list(LEADS),
            "unit": "mV",
            "missing": "zero",
            "minimumLeads": recipe.bundle.minimum_leads,
            "resampling": [box.resampling(device_rate, rate) for device_rate in recipe.bundle.device_rates],
        },
        "outputs": {name: name for name in Output._fields},
        "tasks": [_task(task, entry, catalog) for task, entry in report["tasks"].items()],
        "variants": [
            {
                "file": name,
                "format": variant.format,
                "precision": variant.precision,
                "scheme": variant.scheme,
                "providers": list(variant.providers),
                "parity": _camel(parities[variant.file]) if variant.file in parities else None,
            }
            for variant, name in names.items()
        ],
        "goldens": {
            "inputs": "goldens.bin",
            "expected": "goldens.json",
            "count": goldens,
            "tolerance": recipe.bundle.tolerance,
        },
    }


def _task(task: str, entry: dict[str, Any], catalog: Path) -> dict[str, object]:
    known, point, measures = load_catalog(catalog)[task], entry["point"], entry["measures"]
    evidence = measures["prauc"] and {
        "cohort": f"{entry['cohort']} (also used to choose)",
        "trainingPositives": measures["training_positives"],
        "positives": measures["positives"],
        "prevalence": measures["prevalence"],
        "prauc": measures["prauc"],
        "auroc": measures["auroc"],
    }
    return {
        "id": task,
        "group": known.group,
        "display": known.display,
        "codes": list(known.codes),
        "kind": known.kind,
        "calibration": {"method": "platt", **point["platt"]},
        "threshold": point["threshold"],
        "alert": point["alert"] and _camel(point["alert"]),
        "evidence": evidence,
    } | ({"ruleOut": point["rule_out"]} if point["rule_out"] else {})


def _camel(value: dict[str, Any]) -> dict[str, Any]:
    """Keys as the manifest spells them."""
    return {key.split("_")[0] + "".join(part.title() for part in key.split("_")[1:]): v for key, v in value.items()}


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - the user's own git
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:  # there is no git, as in a slim container
        return "unknown"
    return found.stdout.strip() or "unknown"
