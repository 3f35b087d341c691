"""Acute rhythms judged by networks that never saw the patient."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from ecgclip import steps
from ecgclip.config import RefitRecipe
from ecgclip.data.joint import open_joint
from ecgclip.data.records import Candidate, Origin, Record, write_records
from ecgclip.errors import EcgclipError
from ecgclip.judging.judged import Judged, with_crossed
from ecgclip.leads import KEPT
from ecgclip.model import Network
from ecgclip.simulator.dipole import ATRIAL_FIBRILLATION, SINUS, Segment, simulate
from ecgclip.training.cross_validate import acute_tasks, cross_validate, open_crossed, rows_of, without
from ecgclip.training.train import load_network, train

GROUPS = ((1, 2), (3, 9))


def candidate(k, fold):
    ill = k % 2 == 0
    signal = simulate([Segment(10, ATRIAL_FIBRILLATION if ill else SINUS)], 100, 500 + k).signal[KEPT]
    labels = {"VT": float(ill), "SR": float(not ill)}
    return Candidate(
        str(k), lambda: [Record(f"r{k}@0", f"r{k}", f"r{k}", 100, signal.astype(np.float32), labels, fold=fold)]
    )


@pytest.fixture(scope="module")
def world(tiny, records_folder, tmp_path_factory):
    """The tiny recipe's twelve leads, and `rhythms`: in four folds, eight each, half of them ill."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "ptbxl").symlink_to(records_folder / "ptbxl")
    origin = Origin("holters", "none", ("VT", "SR"), rate=100, samples=1000)
    write_records(folder / "rhythms", origin, [candidate(k, (1, 2, 3, 9)[k // 8]) for k in range(32)], progress=False)
    rhythms = dataclasses.replace(tiny.sets[1], name="rhythms", draws=0, training_folds=(1, 2, 3), flip=0.0)
    recipe = dataclasses.replace(
        tiny,
        sets=(tiny.sets[0], rhythms),
        training=dataclasses.replace(tiny.training, epochs=2),
        refits=(RefitRecipe(("VT",), ("rhythms",), windows=100, teacher_share=0.0, penalty=0.001),),
    )
    return recipe, folder


@pytest.fixture(scope="module")
def work(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossed")
    cross_validate(*world, folder, GROUPS, progress=False)
    return folder


def test_what_is_left_out_is_not_trained_with_and_other_sets_are_as_they_were(world):
    recipe, folder = world
    part = without(recipe, (1, 2))
    assert part.sets[0] == recipe.sets[0]
    joint = open_joint(folder, part)
    trained, judged = (joint.rows(where, "rhythms") for where in (joint.training, joint.validation))
    assert len(trained) == len(judged) == 16
    assert not set(joint.patients(trained)) & set(joint.patients(judged))
    assert set(joint.epoch(torch.Generator()).tolist()) & set(judged.tolist()) == set()


def test_every_patient_is_judged_once_and_by_a_network_that_can(world, work):
    recipe, folder = world
    joint = open_joint(folder, recipe)
    crossed = open_crossed(recipe, joint, work, GROUPS)
    assert crossed.tasks == acute_tasks(("VT", "SR")) == ("VT",)
    assert sorted(crossed.windows) == sorted(f"r{k}@0" for k in range(32))
    rows = rows_of(joint, crossed)
    assert joint.names(rows) == crossed.windows.tolist()
    ill = joint.labels[rows, joint.tasks.index("VT")] > 0.5
    assert crossed.logits[ill, 0].mean() > crossed.logits[~ill, 0].mean()


def test_judging_takes_all_patients_of_the_crossed_sets_and_the_validation_fold_of_others(world, work):
    recipe, folder = world
    joint = open_joint(folder, recipe)
    rows = joint.rows(joint.validation)
    whole = Judged(joint, rows, np.zeros((len(rows), len(joint.tasks))))
    acute = with_crossed(whole, open_crossed(recipe, joint, work, GROUPS))
    kinds = joint.set_of(acute.rows)
    assert acute.rows[kinds == 0].tolist() == joint.rows(joint.validation, "ptbxl").tolist()
    assert len(set(acute.rows[kinds == 1].tolist())) == 32
    vt = joint.tasks.index("VT")
    assert np.isfinite(acute.logits[:, vt]).all()
    assert np.isnan(acute.logits[kinds == 1][:, [k for k in range(len(joint.tasks)) if k != vt]]).all()
    assert acute.cohort("VT") == "holters, cross-validation"
    assert whole.cohort("VT") == "holters, fold 9"


def test_a_run_goes_on_where_it_stopped_and_is_nothing_before_its_end(world, work):
    files = sorted((work / "crossed").glob("*.npz"))
    written = [file.stat().st_mtime_ns for file in files]
    cross_validate(*world, work, GROUPS, progress=False)
    assert [file.stat().st_mtime_ns for file in files] == written
    with pytest.raises(EcgclipError, match=r"4-5\.npz is not there: run `cross-validate` first"):
        open_crossed(world[0], open_joint(world[1], world[0]), work, (*GROUPS, (4, 5)))


def test_logits_of_another_recipe_are_refused(world, work):
    recipe, folder = world
    longer = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, epochs=3))
    for other in (longer, dataclasses.replace(recipe, seed=recipe.seed + 1)):
        with pytest.raises(EcgclipError, match="of another recipe"):
            cross_validate(other, folder, work, GROUPS, progress=False)
        with pytest.raises(EcgclipError, match="of another recipe"):
            open_crossed(other, open_joint(folder, other), work, GROUPS)


def test_a_recipe_that_begins_with_a_bundle_is_refused_for_it_has_seen_the_patients(world, tmp_path):
    recipe, folder = world
    begun = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, start="models/reference"))
    with pytest.raises(EcgclipError, match="has seen the patients"):
        cross_validate(begun, folder, tmp_path, GROUPS, progress=False)


def test_the_recipes_own_network_serves_for_folds_that_it_has_not_seen(world, tmp_path, monkeypatch):
    recipe, folder = world
    left = (4, 5, 6, 7, 8, 9, 10)
    joint = open_joint(folder, without(recipe, left))
    network = Network(recipe.model, len(joint.tasks))
    torch.save({"tasks": joint.tasks, "weights": network.state_dict()}, tmp_path / "network.pt")
    monkeypatch.setattr("ecgclip.training.cross_validate.train", lambda *_, **__: pytest.fail("it trained"))
    cross_validate(recipe, folder, tmp_path, (left,), progress=False)
    assert len(open_crossed(recipe, open_joint(folder, recipe), tmp_path, (left,)).windows) == 8


def test_a_network_that_saw_the_patients_under_an_older_recipe_does_not_judge_them(world, tmp_path):
    recipe, folder = world
    left = (3, 4, 5, 6, 7, 8, 9, 10)
    part = without(recipe, left)
    steps.train_step(recipe, open_joint(folder, recipe), tmp_path, progress=False)
    with pytest.raises(EcgclipError, match="trained by another recipe"):
        cross_validate(part, folder, tmp_path, (left,), progress=False)


def test_logits_of_patients_who_are_in_other_folds_now_are_refused(world, work, tmp_path):
    recipe, folder = world
    (tmp_path / "ptbxl").symlink_to(folder / "ptbxl")
    shutil.copytree(folder / "rhythms", tmp_path / "rhythms")
    splits = tmp_path / "rhythms" / "splits.csv"
    splits.write_text(splits.read_text().replace("r0@0,1", "r0@0,3"))  # he is another's other recording
    with pytest.raises(EcgclipError, match=r"1-2\.npz left out other windows than folds 1, 2 now have"):
        cross_validate(recipe, tmp_path, work, GROUPS, progress=False)
    with pytest.raises(EcgclipError, match=r"1-2\.npz left out other windows"):
        open_crossed(recipe, open_joint(tmp_path, recipe), work, GROUPS)


def test_a_network_and_its_checkpoint_are_not_taken_for_ones_of_records_imported_anew(world, tmp_path):
    recipe, folder = world
    joint = open_joint(folder, recipe)
    (tmp_path / "ptbxl").symlink_to(folder / "ptbxl")
    origin = Origin("holters", "none", ("VT", "SR"), rate=100, samples=1000)
    moved = [candidate(k, (9, 3, 2, 1)[k // 8]) for k in range(32)]
    write_records(tmp_path / "rhythms", origin, moved, progress=False)
    anew = open_joint(tmp_path, recipe)
    train(recipe, joint, tmp_path / "checkpoint.pt", progress=False)
    with pytest.raises(EcgclipError, match=r"checkpoint\.pt is of other records or folds"):
        train(recipe, anew, tmp_path / "checkpoint.pt", progress=False)
    steps.train_step(recipe, joint, tmp_path, progress=False)
    load_network(recipe, joint, tmp_path)
    with pytest.raises(EcgclipError, match=r"network\.pt was trained with other records or folds"):
        load_network(recipe, anew, tmp_path)


def test_a_recipe_without_sets_to_leave_out_is_refused_before_it_trains(tiny, records_folder, tmp_path):
    with pytest.raises(EcgclipError, match="none of the sets rhythms, alarms2015"):
        cross_validate(tiny, records_folder, tmp_path, GROUPS, progress=False)
