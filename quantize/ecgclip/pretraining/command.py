"""`ecgclip pretrain`: make an encoder."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ecgclip.config import RECIPES, load_pretrain_recipe
from ecgclip.pretraining.pool import load_pool
from ecgclip.pretraining.pretrain import pretrain

RECIPE = RECIPES / "pretrain-r18.toml"


def add_pretrain_options(parser: argparse.ArgumentParser) -> None:
    """What `pretrain` takes."""
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--records", type=Path, required=True, help="folder with the recipe's sources as sub-folders")
    parser.add_argument(
        "--work", type=Path, required=True, help="checkpoint, log and encoder.pt; a stopped run goes on"
    )
    parser.add_argument("--cache", type=Path, help="embedded statements (default: in the work folder)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each process (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(run=_pretrain)


def _pretrain(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    recipe = load_pretrain_recipe(options.recipe)
    pool = load_pool(recipe, options.records, options.cache or options.work / "text", progress=not options.quiet)
    pretrain(recipe, pool, options.work, progress=not options.quiet)
