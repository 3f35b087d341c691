"""Saliency on a network whose answer is known: its only task is how high lead V2 rises."""

import copy
import json

import numpy as np
import pytest
import torch

from ecgclip.leads import LEADS
from ecgclip.model import Block, Network
from ecgclip.saliency.check import METHODS, compare
from ecgclip.saliency.maps import by_step, class_activation, integrated_gradients, occlusion, silence, steps

V2, AT = LEADS.index("V2"), 400  # sample at which the pulse stands
STEP = AT // 16


@pytest.fixture(scope="module")
def network(tiny):
    """Stem reads one sample of V2, blocks pass on what they get, the head takes the maximum of the first channel."""
    network = Network(tiny.model, 1).eval()
    with torch.no_grad():
        stem = network.encoder.stem[0].weight.zero_()
        stem[0, V2, 0, stem.shape[3] // 2] = 1
        for block in network.encoder.stages:
            assert isinstance(block, Block)
            block.conv2[1].weight.zero_()
            if not isinstance(block.shortcut, torch.nn.Identity):
                block.shortcut[0].weight.zero_()[0, 0] = 1
        network.head.weight.zero_()[0, tiny.model.widths[-1]] = 1
    return network.requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def windows():
    """Noise in all leads, louder than the pulse in I, and a pulse in V2."""
    x = np.random.default_rng(0).normal(0, 0.05, (2, 12, 1000)).astype(np.float32)
    x[:, 0] *= 40
    x[:, V2] += np.exp(-(((np.arange(1000) - AT) / 8) ** 2)).astype(np.float32)
    return x


def scores(network):
    return lambda windows: network(torch.from_numpy(windows)).logits[:, 0].numpy()


def test_class_activation_points_at_the_pulse_and_sums_to_the_logit(network, windows):
    out = network(torch.from_numpy(windows))
    weights = np.random.default_rng(1).normal(size=out.embedding.shape[1])
    drawn = class_activation(out.features.numpy(), weights)
    np.testing.assert_allclose(drawn.sum(axis=1), out.embedding.numpy() @ weights, rtol=1e-5)
    assert (class_activation(out.features.numpy(), network.head.weight[0].numpy()).argmax(axis=1) == STEP).all()


def test_occlusion_and_integrated_gradients_point_at_the_same_lead_and_time(network, windows):
    everywhere = np.ones(12, bool)
    found = np.stack([occlusion(scores(network), window, everywhere) for window in windows])
    gradients = by_step(integrated_gradients(network, torch.from_numpy(windows), 0).numpy())
    for maps in (found, gradients):
        assert [np.unravel_index(each.argmax(), each.shape) for each in maps] == [(V2, STEP)] * 2
        others = np.delete(maps, V2, axis=1)
        assert np.abs(others).max() < 1e-5


def test_integrated_gradients_sum_to_the_difference_from_no_ecg(network, windows):
    x = torch.from_numpy(windows)
    gradients = integrated_gradients(network, x, 0)
    difference = network(x).logits[:, 0] - network(torch.zeros_like(x)).logits[:, 0]
    torch.testing.assert_close(gradients.sum(dim=(1, 2)), difference, atol=0.02, rtol=0)


def test_leads_that_are_not_there_are_not_asked_about(network, windows):
    present = np.arange(12) != V2
    assert not occlusion(scores(network), windows[0], present).any()


def test_every_sample_belongs_to_one_instant_and_its_own_stretch_is_silent():
    values = np.random.default_rng(2).normal(size=(3, 1000))
    np.testing.assert_allclose(by_step(values).sum(axis=1), values.sum(axis=1))
    factors = silence(1000)
    assert factors.shape == (steps(1000), 1000)
    assert all(factors[k, min(16 * k, 999)] == 0 for k in range(steps(1000)))
    assert ((factors == 1).sum(axis=1) > 960).all()


def test_the_error_of_the_integral_is_none_of_the_offset_for_absent_chest_leads(network, windows):
    shifted = copy.deepcopy(network)
    shifted.limb_only.fill_(2.0)
    found = compare(shifted, scores(shifted), windows, 0, np.random.default_rng(3))
    assert found["integral_error"] < 0.02


def test_the_check_tells_what_points_at_the_pulse_from_what_does_not(network, windows):
    found = compare(network, scores(network), windows, 0, np.random.default_rng(3))
    json.dumps(found)
    assert set(found["fall"]) == set(METHODS)
    for name in ("class activation", "occlusion", "integrated gradients"):
        assert found["fall"][name] > 0.5, name
    assert found["fall"]["random"] < 0.4
    assert found["correlation"]["integrated gradients"] == pytest.approx(1)
