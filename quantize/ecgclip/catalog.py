"""The tasks by name: what each is called, its codes, and whether a gateway may announce it. Data in models/catalog."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgclip.config import ROOT
from ecgclip.errors import EcgclipError

CATALOG = ROOT / "models" / "catalog"


@dataclass(frozen=True)
class AlertPolicy:
    """How an alert of this task would behave; whether it may be raised depends on the evidence in a bundle."""

    tier: str
    need: int
    of: int
    akin: tuple[str, ...] = ()  # rhythms that it may be taken for, and that call for the same help


@dataclass(frozen=True)
class CatalogTask:
    """One entry."""

    id: str
    group: str
    display: str
    kind: str
    codes: tuple[dict[str, str], ...]
    alert: AlertPolicy | None


def load_catalog(folder: Path = CATALOG) -> dict[str, CatalogTask]:
    """All tasks of all files of the catalog, by id."""
    tasks: dict[str, CatalogTask] = {}
    for file in sorted(folder.glob("*.json")):
        for entry in json.loads(file.read_text())["tasks"]:
            if entry["id"] in tasks:
                raise EcgclipError(f"{file}: task {entry['id']} is there twice.")
            tasks[entry["id"]] = _task(entry)
    return tasks


def _task(entry: dict[str, Any]) -> CatalogTask:
    alert = entry.get("alert")
    return CatalogTask(
        entry["id"],
        entry["group"],
        entry["display"],
        entry["kind"],
        tuple(entry["codes"]),
        AlertPolicy(**alert | {"akin": tuple(alert.get("akin", ()))}) if alert else None,
    )
