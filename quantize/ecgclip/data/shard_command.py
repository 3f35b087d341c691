"""`ecgclip shard`: the signals of a folder of records as tar shards."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ecgclip.data.records import Records, open_records
from ecgclip.data.shards import shard_path, write_shard
from ecgclip.errors import EcgclipError
from ecgclip.whole_file import whole_file

TABLES = ("records.csv", "splits.csv", "labels.csv", "rejected.csv")


def add_shard_options(parser: argparse.ArgumentParser) -> None:
    """What `shard` takes."""
    parser.add_argument("--records", type=Path, required=True, help="folder of records")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; a stopped run goes on")
    parser.add_argument("--size", type=int, default=4096, help="windows in a shard (default: 4096, 66 MB of 10 s)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_shard)


def _shard(options: argparse.Namespace) -> None:
    if options.size < 1:
        raise EcgclipError("A shard holds at least one window: give a larger --size.")
    count = shard_records(open_records(options.records), options.out, options.size, progress=not options.quiet)
    print(f"{options.out}: {count} shards")


def shard_records(records: Records, out: Path, size: int, *, progress: bool = True) -> int:
    """Write a folder with the same windows in the same order; the manifest comes last. Returns the number of shards."""
    if (out / "manifest.json").exists():
        raise EcgclipError(f"{out} is finished: remove it to write shards again.")
    out.mkdir(parents=True, exist_ok=True)
    settings = json.dumps({"size": size, "sha256": records.manifest["sha256"]})
    if (plan := out / "plan.json").exists() and plan.read_text() != settings:
        raise EcgclipError(f"{out} was begun with other records or another --size: remove it, or give another --out.")
    plan.write_text(settings)
    starts = range(0, len(records.table), size)
    for shard, first in enumerate(tqdm(starts, "shards", disable=not progress)):
        if not shard_path(out, shard).exists():
            rows = slice(first, first + size)
            write_shard(shard_path(out, shard), first, records.signals[rows], _about(records, rows))
    for name in TABLES:
        shutil.copyfile(records.folder / name, out / name)
    paths = [shard_path(out, shard) for shard in range(len(starts))]
    sha256 = {name: value for name, value in records.manifest["sha256"].items() if name in TABLES}
    sha256 |= {str(path.relative_to(out)): _sha256(path) for path in paths}
    manifest = records.manifest | {"shard": size, "sha256": sha256}
    with whole_file(out / "manifest.json") as draft:
        draft.write_text(json.dumps(manifest, indent=1))
    plan.unlink()
    return len(paths)


def _about(records: Records, rows: slice) -> list[dict[str, Any]]:
    """Plain data of each window; a label that nobody gave is left out."""
    table, labels = records.table[rows], records.labels[rows]
    return [
        {
            **json.loads(about.to_json()),
            "labels": {task: int(value) for task, value in known.items() if pd.notna(value)},
        }
        for (_, about), (_, known) in zip(table.iterrows(), labels.iterrows(), strict=True)
    ]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
