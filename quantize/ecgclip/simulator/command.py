"""`ecgclip cohort --out RECORDS`: simulated patients, or sheets of paper to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from ecgclip.simulator.cohort import simulate_cohort
from ecgclip.simulator.sheet import write_sheets


def add_cohort_options(parser: argparse.ArgumentParser) -> None:
    """What `cohort` takes."""
    parser.add_argument("--out", type=Path, required=True, help="folder to write; a stopped run goes on")
    parser.add_argument("--count", type=int, default=20000, help="patients (default: 20000)")
    parser.add_argument("--rate", type=int, default=100, help="Hz (default: 100)")
    parser.add_argument("--samples", type=int, default=1000, help="length of a recording (default: 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--motion", type=Path, help="WFDB record of electrode-motion noise to add here and there")
    parser.add_argument("--sheets", action="store_true", help="write one PNG a diagnosis instead")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.sheets:
        write_sheets(options.out, options.samples / options.rate, options.seed)
        return
    records = simulate_cohort(
        options.out,
        options.count,
        options.rate,
        options.samples,
        options.seed,
        options.motion,
        progress=not options.quiet,
    )
    print(f"{options.out}: {records.manifest['records']} records, {records.table.report.nunique()} different reports")
