"""Beginning with a finished bundle: the same answers, also from a deeper network; and learning from one."""

import dataclasses

import numpy as np
import pytest
import torch

from ecgclip import steps
from ecgclip.errors import EcgclipError
from ecgclip.model import Network
from ecgclip.training.start import start_from
from ecgclip.training.teacher import Teacher
from ecgclip.training.train import predict, train


@pytest.fixture(scope="module")
def bundle(tiny, joint, tmp_path_factory):
    open_gates = dataclasses.replace(tiny.quantization, macro_delta_prauc=1.0, task_delta_prauc=1.0, decision_flips=1.0)
    recipe = dataclasses.replace(tiny, quantization=open_gates)
    folder = tmp_path_factory.mktemp("start")
    steps.train_step(recipe, joint, folder / "work", progress=False)
    steps.export_step(recipe, joint, folder / "work", progress=False)
    steps.evaluate_step(recipe, joint, folder / "work")
    steps.bundle_step(recipe, folder / "work", folder / "bundle", folder / "trust", folder / "key.pem")
    return folder / "bundle"


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1), (2, 1, 3, 1)])
def test_a_network_that_begins_with_a_bundle_gives_its_answers(tiny, joint, bundle, blocks):
    model = dataclasses.replace(tiny.model, blocks=blocks)
    network = Network(model, 3)
    signals = joint.twelve(joint.rows(joint.training, "ptbxl"))
    start_from(bundle, network, model, ("NORM", "PVC", "AFIB"), torch.from_numpy(signals))
    trained = steps.load_network(tiny, joint, bundle.parent / "work")
    order = [joint.tasks.index("NORM"), joint.tasks.index("AFIB")]
    np.testing.assert_allclose(predict(network, signals)[:, [0, 2]], predict(trained, signals)[:, order], atol=1e-4)


def test_its_batch_norm_also_agrees_with_the_batch(tiny, joint, bundle):
    """Otherwise the first step of training would undo what was begun with."""
    model = dataclasses.replace(tiny.model, blocks=(2, 1, 1, 1))
    network = Network(model, len(joint.tasks))
    signals = torch.from_numpy(joint.twelve(joint.rows(joint.training, "ptbxl")))
    start_from(bundle, network, model, joint.tasks, signals)
    with torch.no_grad():
        torch.testing.assert_close(network.train()(signals).logits, network.eval()(signals).logits, atol=0.02, rtol=0)


def test_other_widths_and_fewer_blocks_are_refused(tiny, joint, bundle):
    x = torch.zeros(1, 12, 1000)
    for changed in ({"widths": (8, 8, 8, 16)}, {"blocks": (1, 1, 1, 0)}):
        model = dataclasses.replace(tiny.model, **changed)
        with pytest.raises(EcgclipError, match=r"recipe|more of them"):
            start_from(bundle, Network(model, 2), model, joint.tasks, x)


def test_a_teacher_speaks_of_the_tasks_that_it_knows(joint, bundle):
    told = Teacher(bundle, ("PVC", "AFIB"))(torch.from_numpy(joint.twelve(joint.rows(joint.validation, "ptbxl"))))
    assert told[:, 0].isnan().all()
    assert ((told[:, 1] > 0) & (told[:, 1] < 1)).all()


def test_training_goes_on_from_a_bundle_and_learns_from_it(tiny, joint, bundle):
    settings = dataclasses.replace(tiny.training, epochs=1, start=str(bundle), teacher=str(bundle))
    network = train(dataclasses.replace(tiny, training=settings), joint, progress=False)
    before = steps.load_network(tiny, joint, bundle.parent / "work")
    signals = joint.twelve(joint.rows(joint.validation, "ptbxl"))
    assert abs(predict(network, signals) - predict(before, signals)).mean() < 1.5
