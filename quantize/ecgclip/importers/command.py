"""`ecgclip import KIND FOLDER --out RECORDS`: the options, and which importer they go to."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from ecgclip.data.records import Candidate, Origin, write_records
from ecgclip.errors import EcgclipError
from ecgclip.importers.arrays import Arrays, arrays
from ecgclip.importers.challenge import challenge
from ecgclip.importers.challenge_2011 import challenge_2011
from ecgclip.importers.csv_folder import csv_folder
from ecgclip.importers.mimic import mimic
from ecgclip.importers.ptbxl import ptbxl
from ecgclip.importers.rhythm_challenges import challenge_2015, challenge_2017
from ecgclip.importers.rhythms import rhythms
from ecgclip.importers.wfdb_folder import Folder, wfdb_folder
from ecgclip.leads import LEADS

KINDS = (
    "ptbxl",
    "rhythms",
    "challenge2011",
    "challenge2015",
    "challenge2017",
    "wfdb",
    "challenge",
    "mimic",
    "arrays",
    "csv",
)


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """What `import` takes."""
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of records to write; a stopped import goes on")
    parser.add_argument("--labels", type=Path, help="CSV table, a row a record")
    parser.add_argument("--intervals", type=Path, help="wfdb: CSV table of stretches: record, label, start, end (s)")
    parser.add_argument("--rate", type=int, default=100, help="Hz to bring signals to (default: 100)")
    parser.add_argument("--samples", type=int, default=1000, help="length of a window (default: 1000)")
    parser.add_argument("--hop", type=float, help="seconds between windows of long recordings (default: end to end)")
    parser.add_argument(
        "--lead", action="append", default=[], metavar="NAME=LEAD", help="what lead a signal's name stands for"
    )
    parser.add_argument("--source-rate", type=float, help="arrays, csv: Hz of the signals")
    parser.add_argument("--order", default=",".join(LEADS), help="arrays: the leads in their order, with commas")
    parser.add_argument("--per-mv", type=float, default=1.0, help="arrays, csv: units in a millivolt (default: 1)")
    parser.add_argument("--name", help="of the collection (default: the folder's)")
    parser.add_argument("--licence", default="unknown")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=run_import)


def run_import(options: argparse.Namespace) -> None:
    """Import one collection, and say on one line what came of it."""
    if not options.folder.is_dir():
        raise EcgclipError(f"{options.folder} is no folder.")
    records = write_records(options.out, *_collection(options), _settings(options), progress=not options.quiet)
    found = records.manifest
    print(f"{options.out}: {found['records']} records of {found['patients']} patients, {found['rejected']} rejected")
    if found["rejected"]:
        print(f"see {options.out / 'rejected.csv'} for the reasons", file=sys.stderr)


def _settings(options: argparse.Namespace) -> dict[str, str]:
    """All that decides what is read from the folder, the tables by what is in them."""
    settings = {
        name: str(value.resolve() if isinstance(value, Path) else value)
        for name, value in vars(options).items()
        if name not in ("run", "out", "quiet")
    }
    for table in (options.labels, options.intervals):
        if table:
            settings[str(table)] = hashlib.sha256(table.read_bytes()).hexdigest()
    return settings


def _collection(options: argparse.Namespace) -> tuple[Origin, list[Candidate]]:
    shape = (options.rate, options.samples)
    if options.kind == "ptbxl":
        labels = options.labels or options.folder / "ptbxl_database.csv"
        if not labels.is_file():
            raise EcgclipError(f"No table at {labels}: give --labels.")
        return ptbxl(options.folder, labels, *shape)
    if options.kind == "challenge2011":
        return challenge_2011(options.folder, *shape)
    if options.kind == "challenge2015":
        return challenge_2015(options.folder, *shape)
    if options.kind == "challenge2017":
        return challenge_2017(options.folder, options.labels or options.folder / "REFERENCE.csv", *shape)
    rename = dict(_pair(text) for text in options.lead)
    if options.kind == "rhythms":
        return rhythms(options.folder, rename, *shape)
    name = options.name or options.folder.name
    if options.kind == "challenge":
        return challenge(options.folder, *shape, name)
    if options.kind == "mimic":
        return mimic(options.folder, *shape)
    if options.kind in ("arrays", "csv"):
        if options.source_rate is None:
            raise EcgclipError("Neither arrays nor CSV files say how fast they were sampled: give --source-rate.")
        order = options.order.split(",")
        about = Arrays(name, options.licence, options.source_rate, order, options.per_mv, options.labels)
        if options.kind == "csv":
            return csv_folder(options.folder, about, *shape)
        files = sorted(path for path in options.folder.iterdir() if path.suffix in (".npy", ".hdf5", ".h5"))
        return arrays(files, about, *shape)
    folder = Folder(
        name=name,
        licence=options.licence,
        labels=options.labels,
        intervals=options.intervals,
        rename=rename,
        hop_s=options.hop,
    )
    return wfdb_folder(options.folder, folder, *shape)


def _pair(text: str) -> tuple[str, str]:
    name, equals, lead = text.partition("=")
    if not equals:
        raise EcgclipError(f"--lead {text}: write NAME=LEAD, for example ECG1=II.")
    return name, lead
