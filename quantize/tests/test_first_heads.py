"""The heads that training begins with, on an encoder that knows something already."""

import dataclasses

import numpy as np
import pytest
import torch

from ecgclip import steps
from ecgclip.__main__ import _parser, _recipe
from ecgclip.errors import EcgclipError
from ecgclip.metrics import auroc
from ecgclip.model import Network, save_encoder
from ecgclip.training.first_heads import first_heads
from ecgclip.training.train import load_network, predict, train


@pytest.fixture(scope="module")
def encoder(tiny, joint, tmp_path_factory):
    """Of a network that was trained for the same tasks."""
    path = tmp_path_factory.mktemp("encoder") / "encoder.pt"
    save_encoder(path, train(tiny, joint, progress=False).encoder, tiny.model)
    return path


def _ranks_af(network, joint):
    rows, task = joint.rows(joint.training, "ptbxl"), joint.tasks.index("AFIB")
    return auroc(joint.labels[rows, task], predict(network, joint.twelve(rows))[:, task])[0]


@pytest.mark.parametrize("windows", [2000, 0])
def test_the_first_step_begins_from_them_or_from_random_ones(tiny, joint, encoder, windows):
    settings = dataclasses.replace(
        tiny.training, epochs=1, learning_rate=1e-9, start=str(encoder), head_windows=windows
    )
    network = train(dataclasses.replace(tiny, training=settings), joint, progress=False)
    expected = Network(tiny.model, len(joint.tasks))
    expected.encoder.load_state_dict(torch.load(encoder, weights_only=True)["weights"])
    if windows:
        first_heads(expected, joint, windows, tiny.seed)
        assert _ranks_af(expected, joint) > 0.95
        np.testing.assert_allclose(network.head.weight.detach(), expected.head.weight.detach(), atol=1e-6)
    else:
        bound = network.head.in_features**-0.5  # of PyTorch's random weights
        assert bound / 2 < network.head.weight.abs().max() <= bound


def test_what_began_with_one_encoder_is_not_told_as_from_another(tiny, joint, encoder, tmp_path):
    def begun(file):
        options = _parser().parse_args(["train", "--encoder", str(file)])
        return dataclasses.replace(
            tiny, training=dataclasses.replace(tiny.training, start=_recipe(options).training.start)
        )

    other = tmp_path / "encoder.pt"
    other.write_bytes(encoder.read_bytes())
    steps.train_step(begun(encoder), joint, tmp_path, progress=False)
    load_network(begun(encoder), joint, tmp_path)
    for recipe in (begun(other), tiny):
        with pytest.raises(EcgclipError, match="by another recipe or from another --encoder"):
            load_network(recipe, joint, tmp_path)


def test_the_encoder_stays_as_it_is(tiny, joint):
    network = Network(tiny.model, len(joint.tasks))
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    first_heads(network, joint, 100, seed=1)
    assert all(torch.equal(before[name], value) for name, value in network.encoder.state_dict().items())


def test_a_task_that_none_of_the_windows_has_a_label_for_spoils_no_other(tiny, joint):
    blind = dataclasses.replace(joint, labels=joint.labels.copy())
    blind.labels[:, joint.tasks.index("NORM")] = np.nan
    network = Network(tiny.model, len(joint.tasks))
    first_heads(network, blind, 2000, seed=1)
    assert torch.isfinite(network.head.weight).all()
    assert _ranks_af(network, joint) > 0.8
