"""Several folders of records as one training set."""

import dataclasses

import numpy as np
import pytest
import torch

from ecgclip.config import RefitRecipe
from ecgclip.data.joint import open_joint
from ecgclip.data.records import Candidate, Origin, Record, write_records
from ecgclip.errors import EcgclipError


def test_training_and_validation_share_no_patient_and_no_other_fold_is_read(tiny, joint):
    training, validation = (joint.rows(where) for where in (joint.training, joint.validation))
    assert not set(joint.patients(training)) & set(joint.patients(validation))
    folds = np.concatenate([records.folds for records in joint.records])
    assert set(folds[training]) <= set(range(1, 9))
    assert set(folds[validation]) == {9}


def test_a_label_that_a_set_does_not_have_is_unknown_unless_it_is_said_to_be_absent(tiny, records_folder, joint):
    lead_one = joint.rows(joint.training, "af2017")
    assert np.isnan(joint.labels[lead_one, joint.tasks.index("NORM")]).all()
    assert np.isfinite(joint.labels[lead_one, joint.tasks.index("AFIB")]).all()
    sets = (tiny.sets[0], dataclasses.replace(tiny.sets[1], absent=("NORM",)))
    absent = open_joint(records_folder, dataclasses.replace(tiny, sets=sets))
    assert (absent.labels[lead_one, absent.tasks.index("NORM")] == 0).all()


def test_a_task_needs_enough_positives_in_the_training_folds_of_one_set(tiny, records_folder):
    few = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, minimum_positives=33))
    assert open_joint(records_folder, few).tasks == ()


def test_a_set_that_cannot_be_validated_gives_labels_but_no_tasks_of_its_own(tiny, records_folder, joint):
    unmeasured = dataclasses.replace(tiny.sets[0], validation_folds=())
    alone = open_joint(records_folder, dataclasses.replace(tiny, sets=(unmeasured, tiny.sets[1])))
    assert alone.tasks == ("AFIB",)  # NORM is known in the first set only
    assert np.isfinite(alone.labels[alone.rows(alone.training, "ptbxl")]).all()
    assert len(alone.rows(alone.validation, "ptbxl")) == 0
    assert alone.training_positives() < joint.training_positives()[joint.tasks.index("AFIB")]


def test_one_lead_stands_alone_in_its_place(joint):
    x = joint.twelve(joint.rows(joint.training, "af2017")[:4])
    assert (np.ptp(x, axis=2) > 0).sum(axis=0).tolist() == [4] + [0] * 11


def test_an_epoch_has_one_set_whole_and_draws_of_the_other_and_repeats(joint):
    first, again = (joint.epoch(torch.Generator().manual_seed(3)) for _ in range(2))
    assert (first == again).all()
    kinds = joint.set_of(first)
    assert sorted(first[kinds == 0]) == sorted(joint.rows(joint.training, "ptbxl"))
    assert (kinds == 1).sum() == 16


def test_every_set_can_have_the_same_share_of_an_epoch(joint):
    kinds = joint.set_of(joint.evenly(40).epoch(torch.Generator().manual_seed(3)))
    assert np.bincount(kinds).tolist() == [40, 40]


def test_rare_tasks_are_drawn_more_often_than_they_occur(tiny, joint):
    labels = joint.labels.copy()
    rows = joint.rows(joint.training, "ptbxl")
    labels[rows] = 0
    labels[rows[:2], 0] = 1
    labels[rows[2:], 1] = 1
    sets = (dataclasses.replace(tiny.sets[0], draws=2000), tiny.sets[1])
    drawn = dataclasses.replace(joint, labels=labels, sets=sets).epoch(torch.Generator().manual_seed(1))
    assert np.isin(drawn, rows[:2]).mean() > 3 * 2 / len(rows)


def test_folders_of_another_rate_are_refused(tiny, records_folder):
    other = dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, rate=500))
    with pytest.raises(EcgclipError, match="import it"):
        open_joint(records_folder, other)


def test_a_label_that_no_catalog_names_is_refused_before_training(tiny, records_folder, tmp_path):
    origin = Origin("ours", "none", ("FLUTTERING",), rate=100, samples=1000)
    signal = np.ones((8, 1000), np.float32)
    windows = [Record(str(k), str(k), str(k), 100, signal, {"FLUTTERING": 1.0}, fold=1) for k in range(8)]
    write_records(tmp_path / "ptbxl", origin, [Candidate("all", lambda: windows)], progress=False)
    (tmp_path / "af2017").symlink_to(records_folder / "af2017")
    with pytest.raises(EcgclipError, match="no FLUTTERING: rename"):
        open_joint(tmp_path, tiny)


def test_a_recipe_that_names_what_is_no_task_is_refused_before_training(tiny, records_folder):
    absent = dataclasses.replace(tiny, sets=(dataclasses.replace(tiny.sets[0], absent=("VT",)), tiny.sets[1]))
    refit = dataclasses.replace(tiny, refits=(RefitRecipe(("VT",), ("ptbxl",), 100, 0.0, 0.001),))
    for recipe in (absent, refit):
        with pytest.raises(EcgclipError, match="names VT, of which"):
            open_joint(records_folder, recipe)
    nowhere = dataclasses.replace(tiny, refits=(RefitRecipe(("AFIB",), ("ptbxl", "nowhere"), 100, 0.0, 0.001),))
    with pytest.raises(EcgclipError, match="fits heads again on nowhere, which is none of its sets"):
        open_joint(records_folder, nowhere)
