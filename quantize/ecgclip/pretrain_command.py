"""`ecgclip pretrain` and `ecgclip transfer`: make an encoder, and measure what it is worth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from ecgclip.config import load_pretrain_recipe
from ecgclip.pool import load_pool
from ecgclip.pretrain import pretrain
from ecgclip.records import open_records
from ecgclip.transfer import Budget, transfer

RECIPE = Path(__file__).parents[1] / "recipes" / "pretrain-r18.toml"
# The budgets that docs/training.md reports; both starts get the same.
BUDGETS = (Budget(share=0.1, epochs=20), Budget(share=1.0, epochs=6))


def add_pretrain_options(parser: argparse.ArgumentParser) -> None:
    """What `pretrain` takes."""
    _shared(parser)
    parser.add_argument("--records", type=Path, required=True, help="folder with the recipe's sources as sub-folders")
    parser.add_argument(
        "--work", type=Path, required=True, help="checkpoint, log and encoder.pt; a stopped run goes on"
    )
    parser.add_argument("--cache", type=Path, help="embedded statements (default: in the work folder)")
    parser.set_defaults(run=_pretrain)


def add_transfer_options(parser: argparse.ArgumentParser) -> None:
    """What `transfer` takes."""
    _shared(parser)
    parser.add_argument("--records", type=Path, required=True, help="folder of labelled records; fold 9 is measured on")
    parser.add_argument("--encoder", type=Path, required=True, help="encoder.pt to compare with random weights")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, required=True, help="JSON file; a stopped comparison goes on")
    parser.set_defaults(run=_transfer)


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each process (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def _pretrain(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    recipe = load_pretrain_recipe(options.recipe)
    pool = load_pool(recipe, options.records, options.cache or options.work / "text", progress=not options.quiet)
    pretrain(recipe, pool, options.work, progress=not options.quiet)


def _transfer(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    recipe = load_pretrain_recipe(options.recipe)
    records = open_records(options.records)
    transfer(recipe, records, options.encoder, BUDGETS, options.seeds, options.out, progress=not options.quiet)
    for entry in json.loads(options.out.read_text()):
        found = entry["prauc"]
        print(
            f"{entry['share']:.0%} of the labels, seed {entry['seed']}: PRAUC {found['pre-trained']:.3f} against "
            f"{found['random']:.3f} from random weights (p = {found['p']:.3f})"
        )
