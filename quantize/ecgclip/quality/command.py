"""`ecgclip quality --records RECORDS --out quality.json`: the options, and what it says of the result."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ecgclip.config import RECIPES, load_quality_recipe
from ecgclip.quality.train_quality import train_quality

RECIPE = RECIPES / "quality.toml"


def add_quality_options(parser: argparse.ArgumentParser) -> None:
    """What `quality` takes."""
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument(
        "--records", type=Path, required=True, help="folder with quality2011 and the recipe's readable sets"
    )
    parser.add_argument("--out", type=Path, required=True, help="quality.json to write; `bundle --quality` takes it")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_quality)


def _quality(options: argparse.Namespace) -> None:
    model = train_quality(load_quality_recipe(options.recipe), options.records, progress=not options.quiet)
    options.out.write_text(json.dumps(model, indent=1) + "\n")
    found = model["evidence"]
    for name in ("sensitivity", "specificity", "balancedAccuracy", "auroc"):
        print("{0}: {value:.3f} ({low:.3f} to {high:.3f})".format(name, **found[name]))
    print("leads flagged, at least one: {unacceptable:.1%} of unacceptable, {acceptable:.1%} of acceptable".format(
        **found["leadFlagged"]
    ))  # fmt: skip
    for each in found["readable"]:
        print("{name}: {windows} windows, {degraded:.1%} degraded, {leadsFlagged:.2%} of leads flagged".format(**each))
