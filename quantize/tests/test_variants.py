"""float16, symmetric int8 and TensorFlow Lite against the graphs that they are made from, on a tiny network."""

import dataclasses

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from ecgclip.errors import GateError
from ecgclip.export import onnx_export
from ecgclip.export.half import write_half
from ecgclip.export.same_padded import same_padded
from ecgclip.export.symmetric import check_symmetric, write_symmetric
from ecgclip.export.tflite import write_tflite
from ecgclip.export.tflite_file import check_int8, tflite_logits
from ecgclip.export.variants import logits_of
from ecgclip.judging.evaluate import check_goldens
from ecgclip.model import Network, Output

OFFSETS = np.array([3.0, 0.0, -2.0], np.float32)  # of the logits of windows without chest leads


@pytest.fixture(scope="module")
def signals(joint):
    return joint.twelve(joint.rows(joint.training, "ptbxl"))[:16]


@pytest.fixture(scope="module")
def network(tiny):
    """Random weights, and statistics that make every bias other than zero."""
    torch.manual_seed(1)
    network = Network(tiny.model, 3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.2)
            nn.init.normal_(module.bias, std=0.2)
    return network.eval()


@pytest.fixture(scope="module")
def made(tiny, network, signals, tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    onnx_export.export_fp32(network, tiny.model, folder / "fp32.onnx")
    onnx_export.quantize(folder / "fp32.onnx", folder / "int8.onnx", signals, tiny.quantization)
    for file in ("fp32.onnx", "int8.onnx"):
        onnx_export.set_limb_only(folder / file, OFFSETS)
    write_half(folder / "fp32.onnx", folder / "fp16.onnx")
    write_symmetric(folder / "fp32.onnx", folder / "s8s8.onnx", signals, tiny.quantization.symmetric_percentile)
    write_tflite(folder / "int8.onnx", folder / "int8.tflite")
    return folder


@pytest.fixture(scope="module")
def deeper(tiny):
    return Network(dataclasses.replace(tiny.model, blocks=(2, 1, 1, 1)), 3)


def test_tflite_says_what_the_int8_graph_says(made, signals):
    expected = onnx_export.logits(made / "int8.onnx", signals)
    found = tflite_logits(made / "int8.tflite", signals)
    quantization = abs(expected - onnx_export.logits(made / "fp32.onnx", signals)).mean()
    assert 0 < abs(found - expected).mean() < quantization / 5  # two runtimes round a code differently now and then


def test_tflite_gives_all_outputs_as_the_manifest_names_and_shapes_them(made, signals):
    running = Interpreter(model_path=str(made / "int8.tflite")).get_signature_runner()
    assert {name: tuple(each["shape"]) for name, each in running.get_input_details().items()} == {"ecg": (1, 12, 1000)}
    assert all(each["dtype"] == np.float32 for each in running.get_output_details().values())
    ours = running(ecg=signals[:1])
    theirs = onnx_export.session(made / "int8.onnx").run(list(Output._fields), {"ecg": signals[:1]})
    for name, expected in zip(Output._fields, theirs, strict=True):
        assert ours[name].shape == expected.shape
        assert np.corrcoef(ours[name].ravel(), expected.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("file", ["fp32.onnx", "int8.onnx", "fp16.onnx", "s8s8.onnx", "int8.tflite"])
def test_only_windows_without_any_chest_lead_get_the_offsets(made, signals, file):
    ecg = np.repeat(signals[:1], 3, axis=0)
    ecg[1, 6:] = 0
    ecg[2, 6:11] = 0  # V6 is left
    weights, biases = onnx_export.linear_heads(made / "fp32.onnx")
    embedding = np.concatenate([_embedding(made / file, window[None]) for window in ecg])
    lowered = embedding @ weights.T + biases - logits_of(made / file, ecg)
    np.testing.assert_allclose(lowered, [np.zeros(3), OFFSETS, np.zeros(3)], atol=1e-4)


def _embedding(path, window):
    if path.suffix == ".tflite":
        return Interpreter(model_path=str(path)).get_signature_runner()(ecg=window)["embedding"]
    return onnx_export.session(path).run(["embedding"], {"ecg": window})[0]


def test_tflite_gate_counts_what_is_int8(made, network, deeper):
    check_int8(made / "int8.tflite", network)
    with pytest.raises(GateError, match="int8 CONV_2D 11, not 13; int8 ADD 4, not 5"):
        check_int8(made / "int8.tflite", deeper)


def test_tflite_is_not_made_of_a_graph_that_it_cannot_say(made, tmp_path):
    with pytest.raises(GateError, match="not unsigned"):
        write_tflite(made / "s8s8.onnx", tmp_path / "never.tflite")
    with pytest.raises(GateError, match="casts to float32 only"):
        write_tflite(made / "fp16.onnx", tmp_path / "never.tflite")


@pytest.mark.parametrize("length", [125, 250])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("taps", [1, 5, 15])
def test_same_padding_with_a_longer_kernel_is_the_padding_of_the_network(length, stride, taps):
    random = np.random.default_rng(taps)
    kernel, signal = random.normal(size=taps), random.normal(size=length)
    padded = same_padded(kernel.reshape(1, 1, taps, 1), length, stride, taps // 2).ravel()
    outputs = -(-length // stride)
    zeros = max((outputs - 1) * stride + len(padded) - length, 0)  # as TensorFlow defines SAME
    row = np.pad(signal, (zeros // 2, zeros - zeros // 2))
    found = [row[k * stride : k * stride + len(padded)] @ padded for k in range(outputs)]
    image, weights = (torch.from_numpy(each).reshape(1, 1, -1) for each in (signal, kernel))
    expected = nn.functional.conv1d(image, weights, stride=stride, padding=taps // 2)
    np.testing.assert_allclose(found, expected.ravel(), atol=1e-12)


def test_float16_says_what_fp32_says_even_beside_an_electrode_offset(made, signals):
    for ecg in (signals, signals + np.float32(300.0)):
        difference = onnx_export.logits(made / "fp16.onnx", ecg) - onnx_export.logits(made / "fp32.onnx", ecg)
        assert abs(difference).max() < 0.01


def test_float16_weights_are_half_and_both_ends_are_float32(made):
    graph = onnx.load(made / "fp16.onnx").graph
    kinds = {each.name: each.data_type for each in graph.initializer if each.name.startswith("encoder.st")}
    assert set(kinds.values()) == {onnx.TensorProto.FLOAT16}
    running = onnx_export.session(made / "fp16.onnx")
    assert {each.type for each in (*running.get_inputs(), *running.get_outputs())} == {"tensor(float)"}


def test_symmetric_int8_stays_close_and_its_gate_knows_it(made, network, deeper, signals):
    difference = onnx_export.logits(made / "s8s8.onnx", signals) - onnx_export.logits(made / "fp32.onnx", signals)
    assert abs(difference).mean() < 0.2
    check_symmetric(made / "s8s8.onnx", network)
    with pytest.raises(GateError, match="convolutions 11, not 13"):
        check_symmetric(made / "s8s8.onnx", deeper)
    with pytest.raises(GateError, match="codes that are not int8"):
        check_symmetric(made / "int8.onnx", network)


def test_symmetric_int8_saturates_at_the_percentile(made, signals, tmp_path):
    write_symmetric(made / "fp32.onnx", tmp_path / "low.onnx", signals, 50.0)
    scales = [
        {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}["relu_scale"]
        for path in (tmp_path / "low.onnx", made / "s8s8.onnx")
    ]
    model = onnx.load(made / "fp32.onnx")
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info("relu"))
    onnx.save(model, tmp_path / "open.onnx")
    stem = onnx_export.session(tmp_path / "open.onnx").run(["relu"], {"ecg": signals})[0]
    np.testing.assert_allclose(scales[0] * 127, np.median(stem), atol=stem.max() / 1000)
    np.testing.assert_allclose(scales[1] * 127, np.percentile(stem, 99.99), rtol=0.05)


def test_goldens_gate_fails_beyond_the_tolerance():
    check_goldens(np.array([0.52]), np.array([0.5]), 0.05, "int8.tflite")
    with pytest.raises(GateError, match="off by"):
        check_goldens(np.array([0.56]), np.array([0.5]), 0.05, "int8.tflite")
    with pytest.raises(GateError, match="off by nan"):
        check_goldens(np.array([0.5, np.nan]), np.array([0.5, 0.5]), 0.05, "fp16.onnx")
