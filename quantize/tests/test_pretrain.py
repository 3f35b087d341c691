"""Pre-training on a tiny world: it learns, it goes on exactly, and its encoder can be read."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ecgclip.config import load_pretrain_recipe
from ecgclip.errors import EcgclipError
from ecgclip.model import load_encoder, saved_geometry
from ecgclip.pretraining.alignment import load_alignment
from ecgclip.pretraining.pool import NO_REPORT, Pool, load_pool
from ecgclip.pretraining.pretrain import Sampler, pretrain
from ecgclip.simulator.cohort import simulate_cohort

RECIPES = Path(__file__).parents[1] / "recipes"


@pytest.fixture(scope="module")
def recipe():
    full = load_pretrain_recipe(RECIPES / "pretrain-r18.toml")
    return dataclasses.replace(
        full,
        model=dataclasses.replace(full.model, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1)),
        pretrain=dataclasses.replace(full.pretrain, projection=8, steps=12, batch=16, checkpoint_every=4),
    )


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Sixty simulated patients; their reports are embedded as their labels, which are what a good encoder would see."""
    records = simulate_cohort(tmp_path_factory.mktemp("cohort"), 60, 100, 1000, seed=1, progress=False)
    labels = records.labels.to_numpy(np.float32)
    groups = np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)
    text = labels / np.linalg.norm(labels, axis=1, keepdims=True)
    groups[:5] = NO_REPORT
    return Pool([records], [1.0], [np.arange(60)], [text], [groups], [labels])


def log(work):
    lines = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["total"] for line in lines}


def test_losses_fall(recipe, pool, tmp_path):
    longer = dataclasses.replace(recipe, pretrain=dataclasses.replace(recipe.pretrain, steps=30, learning_rate=0.01))
    pretrain(longer, pool, tmp_path, progress=False)
    losses = list(log(tmp_path).values())
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_recordings_none_of_which_has_a_report_have_losses_too(recipe, pool, tmp_path):
    silent = dataclasses.replace(pool, groups=[np.full(60, NO_REPORT)])
    encoder = pretrain(recipe, silent, tmp_path, progress=False)
    assert np.isfinite(list(log(tmp_path).values())).all()
    assert all(torch.isfinite(values).all() for values in encoder.state_dict().values())


def test_a_run_that_was_stopped_goes_on_to_the_same_encoder(recipe, pool, tmp_path, monkeypatch):
    pretrain(recipe, pool, tmp_path / "whole", progress=False)
    drawn = 0
    draw = Sampler.draw

    def stopping(self):
        nonlocal drawn
        drawn += 1
        if drawn == 7:
            raise KeyboardInterrupt
        return draw(self)

    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "draw", stopping)
        with pytest.raises(KeyboardInterrupt):
            pretrain(recipe, pool, tmp_path / "cut", progress=False)
    assert not (tmp_path / "cut" / "encoder.pt").exists()
    pretrain(recipe, pool, tmp_path / "cut", progress=False)
    whole, cut = (torch.load(tmp_path / name / "encoder.pt")["weights"] for name in ("whole", "cut"))
    for name, weights in whole.items():
        assert torch.equal(weights, cut[name]), name
    assert log(tmp_path / "cut") == log(tmp_path / "whole")


def test_a_checkpoint_of_another_recipe_is_refused(recipe, pool, tmp_path):
    pretrain(recipe, pool, tmp_path, progress=False)
    other = dataclasses.replace(recipe, seed=5)
    with pytest.raises(EcgclipError, match="another recipe"):
        pretrain(other, pool, tmp_path, progress=False)


def test_a_checkpoint_of_other_records_is_refused_for_its_rows_are_of_those(recipe, pool, tmp_path):
    pretrain(recipe, pool, tmp_path, progress=False)
    longer = dataclasses.replace(
        pool.sources[0], manifest=pool.sources[0].manifest | {"sha256": {"records.csv": "0", "splits.csv": "1"}}
    )
    with pytest.raises(EcgclipError, match="of other records or folds"):
        pretrain(recipe, dataclasses.replace(pool, sources=[longer]), tmp_path, progress=False)


def test_a_source_is_gone_through_before_it_repeats(pool):
    sampler = Sampler(pool, 20, seed=0)
    seen = np.concatenate([sampler.draw()[0] for _ in range(3)])
    assert sorted(seen) == list(range(60))


def test_batches_that_processes_cannot_share_are_refused(pool):
    with pytest.raises(EcgclipError, match="cannot be shared"):
        Sampler(pool, 15, seed=0, processes=2)


def test_merl_s_losses_fall_by_the_same_code(pool, tmp_path):
    full = load_pretrain_recipe(RECIPES / "pretrain-merl-r18.toml")
    recipe = dataclasses.replace(
        full,
        model=dataclasses.replace(full.model, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1)),
        pretrain=dataclasses.replace(
            full.pretrain, projection=8, steps=30, batch=16, checkpoint_every=15, learning_rate=0.01
        ),
    )
    encoder = pretrain(recipe, pool, tmp_path, progress=False)
    losses = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for name in ("text", "views"):
        assert np.mean([line[name] for line in losses[-5:]]) < 0.9 * np.mean([line[name] for line in losses[:5]]), name
    assert {line["scale"] for line in losses} == {round(1 / full.pretrain.temperature, 3)}
    assert encoder.width == 4  # attention over half the channels


def test_an_encoder_s_file_keeps_its_geometry_and_its_way_to_the_texts(recipe, pool, tmp_path):
    pretrain(recipe, pool, tmp_path, progress=False)
    assert saved_geometry(tmp_path / "encoder.pt") == recipe.model
    load_encoder(tmp_path / "encoder.pt", recipe.model)
    alignment, text_encoder = load_alignment(tmp_path / "encoder.pt")
    assert text_encoder == recipe.pretrain.text_encoder
    kept = torch.load(tmp_path / "checkpoint.pt")["module"]
    for name, weights in alignment.state_dict().items():
        assert torch.equal(weights, kept[f"alignment.{name}"])


def test_a_source_without_records_in_its_folds_is_refused_not_drawn_from_for_ever(recipe, tmp_path):
    simulate_cohort(tmp_path / "simulated", 5, 100, 1000, seed=1, progress=False)
    (simulated,) = (source for source in recipe.sources if source.name == "simulated")
    nowhere = dataclasses.replace(recipe, sources=(dataclasses.replace(simulated, folds=(11,)),))
    with pytest.raises(EcgclipError, match="simulated has no records in the recipe's folds"):
        load_pool(nowhere, tmp_path, tmp_path / "text", progress=False)
