"""Fine-tuning with simulated rounding, on a tiny network."""

import dataclasses

import numpy as np
import pytest
import torch

from ecgclip.export import onnx_export
from ecgclip.training.train import train
from ecgclip.training.tune import RoundedActivation, RoundedWeight, tune


@pytest.fixture(scope="module")
def folded(tiny, joint):
    return onnx_export.fold_batch_norm(train(tiny, joint, progress=False))


def test_weights_get_the_values_that_onnx_runtime_gives_them(folded, joint, tiny, tmp_path):
    import onnx

    calibration = joint.twelve(joint.rows(joint.training, "ptbxl"))[:16]
    onnx_export.export_fp32(folded, tiny.model, tmp_path / "fp32.onnx")
    onnx_export.quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", calibration, tiny.quantization)
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    convolution = folded.encoder.stages[0].conv1[0]
    name = next(n for n in constants if n.endswith("stages.0.conv1.0.weight_quantized"))
    scale = constants[name.replace("_quantized", "_scale")]
    ours = RoundedWeight(63)(convolution.weight).detach().numpy()
    np.testing.assert_allclose(ours, constants[name] * scale[:, None, None, None], atol=float(scale.max()) * 1.02)


def test_an_activation_keeps_the_range_of_its_first_batch_and_says_what_went_beyond():
    rounding = RoundedActivation(1.0, rectified=True)
    first = torch.linspace(-1, 2, 301)
    assert rounding(torch.nn.Identity(), None, first) is first
    second = rounding(torch.nn.Identity(), None, torch.tensor([-1.0, 0.5, 1.0, 4.0]))
    assert second[0] == 0
    assert second[3] == pytest.approx(2.0)
    assert abs(second[1] - 0.5) <= 2 / 255 / 2 + 1e-6
    assert rounding.overflow == pytest.approx(1 / 4)  # one of four, a whole range above


def test_a_tuned_network_loses_less_by_rounding_and_answers_as_before(folded, joint, tiny, tmp_path):
    calibration = joint.twelve(joint.rows(joint.training, "ptbxl"))[:16]
    recipe = dataclasses.replace(
        tiny,
        quantization=dataclasses.replace(
            tiny.quantization, tuning_epochs=6, tuning_rate=3e-4, tuning_overflow=1.0, percentile=95.0
        ),
    )
    tuned = tune(folded, recipe, joint, calibration, progress=False)
    lost = {}
    for name, network in (("before", folded), ("after", tuned)):
        onnx_export.export_fp32(network, tiny.model, tmp_path / f"{name}.onnx")
        onnx_export.quantize(tmp_path / f"{name}.onnx", tmp_path / "int8.onnx", calibration, recipe.quantization)
        target = onnx_export.logits(tmp_path / "before.onnx", calibration)
        lost[name] = np.square(onnx_export.logits(tmp_path / "int8.onnx", calibration) - target).mean()
    assert lost["after"] < lost["before"]


def test_without_epochs_nothing_is_touched(folded, joint, tiny):
    recipe = dataclasses.replace(tiny, quantization=dataclasses.replace(tiny.quantization, tuning_epochs=0))
    assert tune(folded, recipe, joint, np.zeros((1, 12, 1000), np.float32), progress=False) is folded
