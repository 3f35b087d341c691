"""The one form in which recordings come to training: a folder of records, each of whose files can be looked at.

| file | what |
|---|---|
| `records.csv` | record, patient, rate (Hz, of the source), leads (those present), seconds, source, report |
| `signals.i16` | int16 little-endian microvolts, [records, 8 leads I II V1-V6, samples]; absent leads 0; or shards |
| `splits.csv` | record, fold: as the source gives it, else 1-10 by a hash of the patient |
| `labels.csv` | one row a record, one column a task: 1, 0, or empty where it is not known |
| `rejected.csv` | record, reason |
| `manifest.json` | names, counts, hashes, licence; written last, so a folder without one is not finished |

While a folder is being written, `journal.jsonl` holds a line for each file that is through, and `plan.json` what the
folder is made from; a run that was stopped goes on behind the last of them, and only to the same.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from ecgclip.data.shards import ShardSignals
from ecgclip.errors import EcgclipError
from ecgclip.leads import DERIVATION, INDEPENDENT
from ecgclip.whole_file import whole_file

SCHEMA = "urn:ecgclip:records:1"
MICROVOLTS_PER_MV = 1000
FOLDS = 10

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Record:
    """One window of one recording, as an importer hands it over."""

    record: str  # unique in its folder
    patient: str  # records of one patient are never in two folds
    source: str  # file, and where in it
    rate: float  # Hz, of the source
    signal: Floats  # [8, samples] mV at the folder's rate; NaN in every sample of an absent lead
    labels: Mapping[str, float] = dataclasses.field(default_factory=dict)  # task -> 0 or 1; absent where unknown
    report: str = ""
    fold: int | None = None  # None: by hash of the patient


@dataclass(frozen=True)
class Candidate:
    """Something that should become records; `read` may raise OSError, ValueError or EcgclipError with the reason."""

    name: str
    read: Callable[[], Sequence[Record]]


@dataclass(frozen=True)
class Origin:
    """What is written on the box."""

    name: str
    licence: str
    tasks: tuple[str, ...]
    rate: int  # Hz
    samples: int


@dataclass(frozen=True)
class Records:
    """A finished folder, opened; signals stay on disk until they are asked for."""

    folder: Path
    manifest: dict[str, Any]
    table: pd.DataFrame  # records.csv with the fold, in the order of the signals
    signals: npt.NDArray[np.int16] | ShardSignals  # [N, 8, samples] microvolts
    present: npt.NDArray[np.bool_]  # [N, 8]
    labels: pd.DataFrame  # [N, tasks], NaN where unknown

    @property
    def folds(self) -> npt.NDArray[np.int64]:
        """Fold of each record."""
        folds: npt.NDArray[np.int64] = self.table.fold.to_numpy(np.int64)
        return folds

    def millivolts(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Floats:
        """[n, 12, samples] in the standard order; leads that are not there, or that would need one, are zero."""
        return twelve_leads(millivolts(self.signals[rows]), self.present[rows])

    def known(self, tasks: Sequence[str]) -> Floats:
        """[N, tasks] labels in this order, NaN where unknown or where this folder does not have the task."""
        labels: Floats = self.labels.reindex(columns=list(tasks)).to_numpy(np.float32)
        return labels

    def who(self) -> list[str]:
        """Hashes of whose records are in which folds: equal where nobody changed his place."""
        return [self.manifest["sha256"][name] for name in ("records.csv", "splits.csv")]


def millivolts(counts: npt.NDArray[np.int16]) -> Floats:
    """Of microvolts."""
    return counts.astype(np.float32) / np.float32(MICROVOLTS_PER_MV)


def twelve_leads(eight: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    """Twelve leads from eight, in the same unit; III, aVR, aVL and aVF exist only with both I and II."""
    derivation = DERIVATION.astype(np.float32)
    there = (present[:, None, :] | (DERIVATION == 0)).all(axis=2)
    twelve: Floats = np.einsum("ij,njs->nis", derivation, eight, optimize=True)
    twelve *= there[:, :, None]
    return twelve


def hash_fold(patient: str) -> int:
    """1-10, the same wherever it is computed."""
    return int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big") % FOLDS + 1


def write_records(
    folder: Path,
    origin: Origin,
    candidates: Iterable[Candidate],
    settings: Mapping[str, str] | None = None,
    *,
    progress: bool = True,
) -> Records:
    """Read every candidate, list what was rejected, and finish the folder; goes on where an earlier run stopped.

    `settings`: what else than the origin decides what the candidates read; a run with others does not go on.
    """
    if (folder / "manifest.json").exists():
        raise EcgclipError(f"{folder} is finished: remove it to import again.")
    folder.mkdir(parents=True, exist_ok=True)
    _plan(folder, origin, settings or {})
    lines = _resume(folder, origin)
    done = {line["candidate"] for line in lines}
    names = {line["record"] for line in lines if "record" in line}
    with (folder / "signals.i16").open("ab") as signals, (folder / "journal.jsonl").open("a") as journal:
        for candidate in tqdm(list(candidates), desc=origin.name, unit="record", disable=not progress):
            if candidate.name in done:
                continue
            fresh = _read(candidate, origin, names)
            signals.writelines(counts.tobytes() for _, counts in fresh if counts is not None)
            signals.flush()
            # One write a candidate: a journal that ends inside a candidate is cut back to the one before.
            journal.write(json.dumps([line for line, _ in fresh]) + "\n")
            journal.flush()
            lines += [line for line, _ in fresh]
            names |= {line["record"] for line, _ in fresh if "record" in line}
    return _finish(folder, origin, lines)


def _read(
    candidate: Candidate, origin: Origin, names: set[str]
) -> list[tuple[dict[str, Any], npt.NDArray[np.int16] | None]]:
    """Journal lines of one candidate, with the samples of those that were accepted."""
    try:
        out: list[tuple[dict[str, Any], npt.NDArray[np.int16] | None]] = []
        for record in candidate.read():
            if record.record in names:
                raise ValueError(f"another record is called {record.record}")
            counts, leads = _counts(record, origin)
            out.append((_line(candidate.name, record, leads, origin), counts))
        if not out:
            raise ValueError("nothing in it")
    except (OSError, ValueError, EcgclipError) as error:
        return [({"candidate": candidate.name, "reason": " ".join(str(error).split())}, None)]
    return out


def _counts(record: Record, origin: Origin) -> tuple[npt.NDArray[np.int16], list[str]]:
    wanted = (len(INDEPENDENT), origin.samples)
    if record.signal.shape != wanted:
        raise ValueError(f"signal is {record.signal.shape}, not {wanted}")
    absent = np.atleast_1d(np.isnan(record.signal).all(axis=1))
    if absent.all():
        raise ValueError("none of the leads I, II, V1-V6 is there")
    if not np.isfinite(record.signal[~absent]).all():
        raise ValueError("samples are missing")
    microvolts = np.round(np.nan_to_num(record.signal) * MICROVOLTS_PER_MV)
    limits = np.iinfo(np.int16)
    return (
        microvolts.clip(limits.min, limits.max).astype("<i2"),
        [lead for lead, gone in zip(INDEPENDENT, absent, strict=True) if not gone],
    )


def _line(candidate: str, record: Record, leads: list[str], origin: Origin) -> dict[str, Any]:
    if unknown := record.labels.keys() - set(origin.tasks):
        raise ValueError(f"labels {sorted(unknown)} are no tasks of this folder")
    return {
        "candidate": candidate,
        "record": record.record,
        "patient": record.patient,
        "rate": record.rate,
        "leads": " ".join(leads),
        "seconds": origin.samples / origin.rate,
        "source": record.source,
        "report": " ".join(record.report.split()),
        "fold": hash_fold(record.patient) if record.fold is None else record.fold,
        "labels": {task: float(value) for task, value in record.labels.items()},
    }


def _plan(folder: Path, origin: Origin, settings: Mapping[str, str]) -> None:
    """Keep what the folder is made from, or compare it with what an earlier run kept."""
    plan, wanted = folder / "plan.json", json.dumps([dataclasses.asdict(origin), dict(settings)])
    if not (folder / "journal.jsonl").exists():
        plan.write_text(wanted)
    elif not plan.exists() or plan.read_text() != wanted:
        raise EcgclipError(f"{folder} was begun with other options or tables: remove it, or give another --out.")


def _resume(folder: Path, origin: Origin) -> list[dict[str, Any]]:
    """Lines of whole candidates; what lies behind them is cut off."""
    journal, signals = folder / "journal.jsonl", folder / "signals.i16"
    lines: list[dict[str, Any]] = []
    whole = 0
    for text in journal.read_bytes().splitlines(keepends=True) if journal.exists() else []:
        if not text.endswith(b"\n"):
            break
        lines += json.loads(text)
        whole += len(text)
    accepted = sum("record" in line for line in lines)
    for path, size in ((journal, whole), (signals, accepted * len(INDEPENDENT) * origin.samples * 2)):
        with path.open("ab") as file:
            if file.tell() < size:
                raise EcgclipError(f"{path} is shorter than its journal says: remove {folder} and import again.")
            file.truncate(size)
    return lines


def _finish(folder: Path, origin: Origin, lines: list[dict[str, Any]]) -> Records:
    accepted = [line for line in lines if "record" in line]
    rejected = [line for line in lines if "reason" in line]
    if not accepted:
        why = f", the first because {rejected[0]['reason']}" if rejected else ""
        raise EcgclipError(f"None of {len(rejected)} records could be read{why}.")
    columns = ["record", "patient", "rate", "leads", "seconds", "source", "report"]
    table = pd.DataFrame(accepted)
    table[columns].to_csv(folder / "records.csv", index=False)
    table[["record", "fold"]].to_csv(folder / "splits.csv", index=False)
    labels = pd.DataFrame([line["labels"] for line in accepted], columns=list(origin.tasks), dtype="Int8")
    labels.insert(0, "record", table.record)
    labels.to_csv(folder / "labels.csv", index=False)
    pd.DataFrame([(line["candidate"], line["reason"]) for line in rejected], columns=["record", "reason"]).to_csv(
        folder / "rejected.csv", index=False
    )
    manifest = {
        "schema": SCHEMA,
        **dataclasses.asdict(origin),
        "leads": list(INDEPENDENT),
        "unit": "uV",
        "records": len(accepted),
        "patients": int(table.patient.nunique()),
        "rejected": len(rejected),
        "positives": {task: int((labels[task] == 1).sum()) for task in origin.tasks},
        "sha256": {
            name: _sha256(folder / name)
            for name in ("records.csv", "signals.i16", "splits.csv", "labels.csv", "rejected.csv")
        },
    }
    with whole_file(folder / "manifest.json") as draft:
        draft.write_text(json.dumps(manifest, indent=1))
    (folder / "journal.jsonl").unlink()
    (folder / "plan.json").unlink()
    return open_records(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_records(folder: Path) -> Records:
    """Open a finished folder."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except OSError as error:
        raise EcgclipError(f"{folder} is no finished folder of records: run `import` first.") from error
    if manifest.get("schema") != SCHEMA:
        raise EcgclipError(f"{folder} has schema {manifest.get('schema')}, not {SCHEMA}: import it again.")
    text = {"record": str, "patient": str, "leads": str, "source": str, "report": str}
    table = pd.read_csv(folder / "records.csv", dtype=text, keep_default_na=False)
    table["fold"] = pd.read_csv(folder / "splits.csv").fold
    shape = (manifest["records"], len(INDEPENDENT), manifest["samples"])
    return Records(
        folder=folder,
        manifest=manifest,
        table=table,
        signals=ShardSignals(folder, shape, manifest["shard"]) if "shard" in manifest else _memmap(folder, shape),
        present=np.array([[lead in leads.split() for lead in INDEPENDENT] for leads in table.leads]),
        labels=pd.read_csv(folder / "labels.csv").drop(columns="record").astype(np.float32),
    )


def _memmap(folder: Path, shape: tuple[int, int, int]) -> npt.NDArray[np.int16]:
    if (size := (folder / "signals.i16").stat().st_size) != 2 * np.prod(shape):
        raise EcgclipError(f"{folder}/signals.i16 has {size} bytes, not {2 * np.prod(shape)}: import it again.")
    return np.memmap(folder / "signals.i16", "<i2", "r", shape=shape)
