"""Command line: `python -m ecgclip STEP`, one command a step."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from ecgclip import steps
from ecgclip.bundle import signed_folder
from ecgclip.bundle.archive import pack
from ecgclip.config import RECIPES, ROOT, Recipe, load_recipe
from ecgclip.data.joint import Joint, open_joint
from ecgclip.data.shard_command import add_shard_options
from ecgclip.errors import EcgclipError, GateError
from ecgclip.importers.command import add_import_options
from ecgclip.pretraining.command import add_pretrain_options
from ecgclip.quality.command import add_quality_options
from ecgclip.report.command import add_report_options
from ecgclip.report.recordings import add_recordings_options
from ecgclip.saliency.check import add_saliency_options
from ecgclip.simulator.command import add_cohort_options
from ecgclip.simulator.demo import write_demo
from ecgclip.training.cross_validate import GROUPS, cross_validate
from ecgclip.transfer.command import add_probe_options, add_zero_shot_options

RECORDS_VARIABLE = "ECGCLIP_RECORDS"
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
    recipe.add_argument("--recipe", type=Path, default=RECIPES / "reference-r18.toml")
    recipe.add_argument(
        "--records", type=Path, help=f"folder with a folder of records for each set (default: ${RECORDS_VARIABLE})"
    )
    recipe.add_argument(
        "--encoder", type=Path, help="encoder.pt to begin with in place of the recipe's; the same for all steps"
    )
    recipe.add_argument("--work", type=Path, help="where steps keep their files (default: build/<recipe>)")
    recipe.add_argument("--quality", type=Path, help="bundle: quality.json (default: the work folder's, if it has one)")
    recipe.add_argument("--out", type=Path, help="bundle folder (default: the recipe's, under models/)")
    recipe.add_argument("--trust", type=Path, default=ROOT / "models" / "trust", help="folder of public keys")
    recipe.add_argument(
        "--key", type=Path, default=signed_folder.default_key_path(), help="private key, made when absent"
    )
    recipe.add_argument("--quiet", action="store_true", help="no progress bars")
    for name, description in {
        "data": "read the data and count what is there",
        "train": "train the network",
        "export": "write fp32 and int8 ONNX; fails when int8 does not fuse",
        "evaluate": "calibrate and measure on the validation folds; fails when int8 is not as good as fp32",
        "bundle": "write and sign the bundle",
        "reproduce": "all of these, one after the other",
    }.items():
        command = commands.add_parser(name, parents=[recipe], help=description, description=description)
        command.set_defaults(run=_run, step=name)
    crossing = commands.add_parser(
        "cross-validate", parents=[recipe], help="judge acute rhythms by networks that never saw the patients"
    )
    crossing.add_argument("--left-out", nargs="+", type=int, help="one group of folds alone, e.g. 1 2 (default: all)")
    crossing.set_defaults(run=_cross_validate)
    packing = commands.add_parser("pack", help="write a signed bundle as the .tar.gz that gateways install")
    packing.add_argument("folder", type=Path, help="bundle folder")
    packing.add_argument("archive", type=Path, help="file to write")
    packing.set_defaults(run=lambda options: pack(options.folder, options.archive))
    add_cohort_options(commands.add_parser("cohort", help="simulate patients with reports, as a folder of records"))
    add_pretrain_options(commands.add_parser("pretrain", help="make an encoder from recordings and reports"))
    add_probe_options(commands.add_parser("probe", help="measure encoders on few labels and on many"))
    add_zero_shot_options(commands.add_parser("zero-shot", help="measure what an encoder finds by texts alone"))
    add_quality_options(commands.add_parser("quality", help="train and measure what says which leads can be read"))
    add_shard_options(commands.add_parser("shard", help="write records as WebDataset shards"))
    add_report_options(commands.add_parser("report", help="measure a bundle on records, as a page to be looked at"))
    add_recordings_options(commands.add_parser("recordings", help="measure what a bundle says of whole recordings"))
    add_saliency_options(commands.add_parser("saliency", help="check what a bundle's saliency is worth"))
    demo = commands.add_parser("simulate", help="write the simulated recording that the demonstration plays")
    demo.add_argument("--out", type=Path, default=ROOT / "models" / "demo")
    demo.set_defaults(run=lambda options: write_demo(options.out))
    return parser


def _run(options: argparse.Namespace) -> None:
    recipe = _recipe(options)
    work = _work(options, recipe)
    out = options.out or ROOT / "models" / recipe.bundle.folder
    wanted = STEPS if options.step == "reproduce" else (options.step,)
    joint = None if wanted == ("bundle",) else open_joint(_records(options.records), recipe)
    for step in wanted:
        if step == "evaluate" and options.step == "reproduce" and recipe.calibration.cross_validated:
            cross_validate(recipe, _records(options.records), work, progress=not options.quiet)
        if step == "bundle":
            steps.bundle_step(recipe, work, out, options.trust, options.key, quality=options.quality)
        elif joint:
            _step(step, recipe, joint, work, options)


def _cross_validate(options: argparse.Namespace) -> None:
    recipe = _recipe(options)
    groups = (tuple(options.left_out),) if options.left_out else GROUPS
    work = _work(options, recipe)
    cross_validate(recipe, _records(options.records), work, groups, progress=not options.quiet)


def _recipe(options: argparse.Namespace) -> Recipe:
    """With another beginning where one is given, so that whatever comes of it is known by that."""
    recipe = load_recipe(options.recipe)
    if options.encoder is None:
        return recipe
    if options.encoder.suffix != ".pt":
        raise EcgclipError(f"--encoder {options.encoder} is no encoder.pt: run `pretrain` to make one.")
    return replace(recipe, training=replace(recipe.training, start=str(options.encoder.resolve())))


def _work(options: argparse.Namespace, recipe: Recipe) -> Path:
    return Path(options.work or ROOT / "quantize" / "build" / recipe.name)


def _records(folder: Path | None) -> Path:
    folder = folder or (Path(value) if (value := os.environ.get(RECORDS_VARIABLE)) else None)
    if folder is None or not folder.is_dir():
        raise EcgclipError(f"No folder of records at {folder}: give --records or set {RECORDS_VARIABLE}.")
    return folder


def _step(step: str, recipe: Recipe, joint: Joint, work: Path, options: argparse.Namespace) -> None:
    if step == "train":
        steps.train_step(recipe, joint, work, progress=not options.quiet)
    elif step == "export":
        steps.export_step(recipe, joint, work, progress=not options.quiet)
    elif step == "evaluate":
        report = steps.evaluate_step(recipe, joint, work)
        for name, found in report["macro"].items():
            print(f"{name}: AUROC {found['auroc']['value']:.4f}, PRAUC {found['prauc']['value']:.4f}")
        for name in ("challenge2015", "af2017F1", "af2017AlertsF1"):
            if name in report["rhythms"]:
                print(f"{name}: {report['rhythms'][name]:.3f}")
    else:
        training, validation = joint.labels[joint.training], joint.labels[joint.validation]
        for k, task in enumerate(joint.tasks):
            print(f"{task}: {(training[:, k] == 1).sum()} training, {(validation[:, k] == 1).sum()} validation")


if __name__ == "__main__":
    sys.exit(main())
