"""ONNX, int8 and the gates, on a tiny network."""

import dataclasses
from collections import Counter

import numpy as np
import onnx
import pytest

from ecgclip.errors import GateError
from ecgclip.export import onnx_export
from ecgclip.judging.evaluate import Parity, check_parity
from ecgclip.training.train import predict, train


@pytest.fixture(scope="module")
def signals(joint):
    return joint.twelve(joint.rows(joint.training, "ptbxl"))


@pytest.fixture(scope="module")
def exported(tiny, joint, signals, tmp_path_factory):
    network = train(tiny, joint, progress=False)
    folder = tmp_path_factory.mktemp("models")
    onnx_export.export_fp32(network, tiny.model, folder / "fp32.onnx")
    onnx_export.quantize(folder / "fp32.onnx", folder / "int8.onnx", signals[:16], tiny.quantization)
    return network, folder


def test_fp32_graph_says_what_the_network_says(exported, signals):
    network, folder = exported
    np.testing.assert_allclose(
        onnx_export.logits(folder / "fp32.onnx", signals[:8]), predict(network, signals[:8]), atol=1e-4
    )


def test_batch_size_is_free_and_names_are_the_contract(exported, signals):
    _, folder = exported
    for variant in ("fp32.onnx", "int8.onnx"):
        running = onnx_export.session(folder / variant)
        assert [i.name for i in running.get_inputs()] == ["ecg"]
        assert [o.name for o in running.get_outputs()] == ["logits", "embedding", "features"]
        assert running.run(None, {"ecg": signals[:3]})[0].shape == (3, 2)


def test_graphs_carry_no_traces_of_this_machine(exported):
    _, folder = exported
    for variant in ("fp32.onnx", "int8.onnx"):
        assert b"model.py" not in (folder / variant).read_bytes()


def test_int8_fuses_keeps_the_stem_in_float_and_stays_close(exported, signals):
    network, folder = exported
    onnx_export.check_fusion(onnx_export.operators(folder / "int8.onnx"), network)
    weights = [i for i in onnx.load(folder / "int8.onnx").graph.initializer if i.data_type == onnx.TensorProto.INT8]
    assert weights
    assert max(abs(onnx.numpy_helper.to_array(w).astype(int)).max() for w in weights) <= 64  # 7 bits
    difference = onnx_export.logits(folder / "int8.onnx", signals) - onnx_export.logits(folder / "fp32.onnx", signals)
    assert abs(difference).mean() < 0.2


def test_fusion_gate_fails_on_a_float_graph(exported):
    network, folder = exported
    with pytest.raises(GateError, match="QLinearConv"):
        onnx_export.check_fusion(onnx_export.operators(folder / "fp32.onnx"), network)


def test_fusion_gate_fails_when_one_addition_is_left_out(exported):
    network, folder = exported
    found = onnx_export.operators(folder / "int8.onnx")
    with pytest.raises(GateError, match="QLinearAdd"):
        onnx_export.check_fusion(found - Counter({"QLinearAdd": 1}), network)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("macro_delta_prauc", -0.006),
        ("worst_delta_prauc", -0.011),
        ("decision_flips", 0.0051),
        ("decision_flips", float("nan")),
    ],
)
def test_each_parity_gate_fails_by_itself(reference, field, value):
    good = Parity(macro_delta_prauc=-0.004, worst_delta_prauc=-0.009, worst_task="AFIB", decision_flips=0.004)
    check_parity(good, reference.quantization)
    with pytest.raises(GateError):
        check_parity(dataclasses.replace(good, **{field: value}), reference.quantization)
