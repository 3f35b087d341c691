"""Command line: `python -m ecgclip STEP`, one command a step."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ecgclip import bundle, steps
from ecgclip.archive import pack
from ecgclip.config import Recipe, load_recipe
from ecgclip.data import Dataset, load, locate
from ecgclip.demo import write_demo
from ecgclip.errors import EcgclipError, GateError
from ecgclip.importers.command import add_import_options
from ecgclip.pretrain_command import add_pretrain_options, add_transfer_options
from ecgclip.simulator.command import add_cohort_options

ROOT = Path(__file__).parents[2]
STEPS = ("train", "export", "evaluate", "bundle")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed, 3 a gate did not hold."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except GateError as error:
        print(error, file=sys.stderr)
        return 3
    except EcgclipError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ecgclip", description="From recordings to a signed, quantized, measured bundle."
    )
    commands = parser.add_subparsers(required=True, metavar="STEP")
    add_import_options(commands.add_parser("import", help="bring a collection of recordings to one form"))
    recipe = argparse.ArgumentParser(add_help=False)
    recipe.add_argument("--recipe", type=Path, default=ROOT / "quantize" / "recipes" / "reference-r18.toml")
    recipe.add_argument("--data", type=Path, help="folder of WFDB records (default: $ECGCLIP_DATA)")
    recipe.add_argument(
        "--labels", type=Path, help="label table (default: $ECGCLIP_LABELS, or in or beside the folder)"
    )
    recipe.add_argument("--work", type=Path, help="where steps keep their files (default: build/<recipe>)")
    recipe.add_argument("--out", type=Path, default=ROOT / "models" / "reference", help="bundle folder")
    recipe.add_argument("--trust", type=Path, default=ROOT / "models" / "trust", help="folder of public keys")
    recipe.add_argument("--key", type=Path, default=bundle.default_key_path(), help="private key, made when absent")
    recipe.add_argument("--quiet", action="store_true", help="no progress bars")
    for name, description in {
        "data": "read the data and count what is there",
        "train": "train the network",
        "export": "write fp32 and int8 ONNX; fails when int8 does not fuse",
        "evaluate": "calibrate and measure on the validation fold; fails when int8 is not as good as fp32",
        "bundle": "write and sign the bundle",
        "reproduce": "all of these, one after the other",
    }.items():
        command = commands.add_parser(name, parents=[recipe], help=description, description=description)
        command.set_defaults(run=_run, step=name)
    packing = commands.add_parser("pack", help="write a signed bundle as the .tar.gz that gateways install")
    packing.add_argument("folder", type=Path, help="bundle folder")
    packing.add_argument("archive", type=Path, help="file to write")
    packing.set_defaults(run=lambda options: pack(options.folder, options.archive))
    add_cohort_options(commands.add_parser("cohort", help="simulate patients with reports, as a folder of records"))
    add_pretrain_options(commands.add_parser("pretrain", help="make an encoder from recordings and reports"))
    add_transfer_options(commands.add_parser("transfer", help="compare an encoder with random weights"))
    demo = commands.add_parser("simulate", help="write the simulated recording that the demonstration plays")
    demo.add_argument("--out", type=Path, default=ROOT / "models" / "demo")
    demo.set_defaults(run=lambda options: write_demo(options.out))
    return parser


def _run(options: argparse.Namespace) -> None:
    recipe = load_recipe(options.recipe)
    work = options.work or ROOT / "quantize" / "build" / recipe.name
    wanted = STEPS if options.step == "reproduce" else (options.step,)
    dataset = None if wanted == ("bundle",) else _dataset(recipe, options)
    for step in wanted:
        if step == "bundle":
            steps.bundle_step(recipe, work, options.out, options.trust, options.key)
        elif dataset:
            _step(step, recipe, dataset, work, progress=not options.quiet)


def _dataset(recipe: Recipe, options: argparse.Namespace) -> Dataset:
    folder, labels = locate(options.data, options.labels)
    dataset = load(folder, labels, recipe, progress=not options.quiet)
    for line in dataset.rejected:
        print(f"rejected {line}", file=sys.stderr)
    return dataset


def _step(step: str, recipe: Recipe, dataset: Dataset, work: Path, *, progress: bool) -> None:
    if step == "train":
        steps.train_step(recipe, dataset, work, progress=progress)
    elif step == "export":
        steps.export_step(recipe, dataset, work)
    elif step == "evaluate":
        report = steps.evaluate_step(recipe, dataset, work)
        for name, found in report["macro"].items():
            print(f"{name}: AUROC {found['auroc']['value']:.4f}, PRAUC {found['prauc']['value']:.4f}")
    else:
        training, validation = dataset.split(recipe.data)
        for k, task in enumerate(dataset.tasks):
            print(f"{task}: {training.labels[:, k].sum():.0f} training, {validation.labels[:, k].sum():.0f} validation")


if __name__ == "__main__":
    sys.exit(main())
