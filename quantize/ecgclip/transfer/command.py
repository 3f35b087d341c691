"""`ecgclip probe` and `ecgclip zero-shot`: measure what an encoder is worth, and write the tables."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ecgclip.config import load_pretrain_recipe
from ecgclip.data.records import open_records
from ecgclip.errors import EcgclipError
from ecgclip.pretraining.command import RECIPE
from ecgclip.transfer.encoders import Embeddings, parse_start
from ecgclip.transfer.fine_tune import Budget
from ecgclip.transfer.probe import FINE_TUNE, PROBE, compare
from ecgclip.transfer.result_tables import result_tables
from ecgclip.transfer.runs import Runs
from ecgclip.transfer.study import Study, open_study
from ecgclip.transfer.zero_shot import PROMPTS, load_prompts, measure_zero_shot
from ecgclip.transfer.zero_shot_rows import write_overlay

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
VALIDATION_FOLD = 9


def add_probe_options(parser: argparse.ArgumentParser) -> None:
    """What `probe` takes."""
    add_measuring_options(parser)
    parser.add_argument("--method", nargs="+", choices=(PROBE, FINE_TUNE), default=[PROBE])
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES), help="of the labels to learn from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=1000, help="of a fine-tuning (default: 1000)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.002, help="choose it on --fold 8")
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--bfloat16", action="store_true", help="fine-tune in bfloat16: faster where CPUs have AMX")
    parser.set_defaults(run=_probe)


def add_measuring_options(parser: argparse.ArgumentParser) -> None:
    """What `probe` and `zero-shot` take."""
    parser.add_argument("--records", type=Path, required=True, help="folder of labelled records")
    parser.add_argument(
        "--encoder",
        action="append",
        required=True,
        help="random, NAME=encoder.pt or NAME=BUNDLE; may be given again",
    )
    parser.add_argument("--external", type=Path, action="append", default=[], help="records of others to measure on")
    parser.add_argument("--targets", type=Path, help="CSV of quantities to estimate: record, and a column each")
    parser.add_argument("--fold", type=int, default=VALIDATION_FOLD, help="measured on, not trained with (default: 9)")
    parser.add_argument("--out", type=Path, required=True, help="folder of results; added to, and goes on")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="geometry of random weights, and the variations")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def add_zero_shot_options(parser: argparse.ArgumentParser) -> None:
    """What `zero-shot` takes."""
    add_measuring_options(parser)
    parser.add_argument("--prompts", type=Path, default=PROMPTS, help="TOML: texts of each task")
    parser.add_argument("--cache", type=Path, help="embedded statements (default: in the folder of results)")
    parser.add_argument("--bundle", type=Path, help="write rows for an overlay of this bundle, from the first encoder")
    parser.add_argument("--tasks", nargs="+", default=[], help="the rows' tasks, none of them the bundle's own")
    parser.add_argument(
        "--overlay", type=Path, help="the overlay to write, to be signed by `ecgclip model sign-overlay`"
    )
    parser.set_defaults(run=_zero_shot)


def _zero_shot(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    study = _study(options)
    runs, prompts, cache = Runs(options.out), load_prompts(options.prompts), options.cache or options.out / "text"
    embeddings = Embeddings(load_pretrain_recipe(options.recipe).model, study.records, study.training)
    starts = [parse_start(text) for text in options.encoder]
    for start in starts:
        measure_zero_shot(study, embeddings, start, prompts, runs, cache, progress=not options.quiet)
    print(result_tables(runs.entries, runs.pairs()))
    if options.overlay:
        if not options.bundle:
            raise EcgclipError("An overlay is for one bundle: give --bundle FOLDER.")
        fits = write_overlay(
            options.overlay,
            study,
            embeddings,
            starts[0],
            options.bundle,
            {task: prompts.get(task, ()) for task in options.tasks},
            cache,
            progress=not options.quiet,
        )
        for task, share in fits.items():
            print(
                f"{task}: the row gives {share:.0%} of the variance of its similarity on records it was not fitted to"
            )


def _study(options: argparse.Namespace) -> Study:
    external = [open_records(folder) for folder in options.external]
    return open_study(open_records(options.records), options.fold, external, options.targets)


def _probe(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    budget = Budget(options.steps, options.batch, options.learning_rate, options.weight_decay, options.bfloat16)
    runs = Runs(options.out)
    recipe = load_pretrain_recipe(options.recipe)
    compare(
        _study(options),
        recipe,
        [parse_start(text) for text in options.encoder],
        options.method,
        options.shares,
        options.seeds,
        budget,
        runs,
        progress=not options.quiet,
    )
    print(result_tables(runs.entries, runs.pairs()))
