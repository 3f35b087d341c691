"""Manifest, signature, filters and goldens."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scipy.signal import resample_poly

from ecgclip import steps
from ecgclip.__main__ import main
from ecgclip.bundle import signed_folder
from ecgclip.bundle.goldens import golden_windows
from ecgclip.catalog import load_catalog
from ecgclip.config import RefitRecipe
from ecgclip.data.joint import open_joint
from ecgclip.errors import EcgclipError, GateError
from ecgclip.export.onnx_export import INPUT, limb_only, linear_heads, session, set_limb_only
from ecgclip.training.refit import write_heads


def test_canonical_json_is_rfc_8785():
    value = {"b": [1.0, 1e21, 1e-7, 0.1, -0.0, 333333333.33333329], "a": "\u20ac$\u000f\nA'B\"\\", "\u00e9": None}
    expected = '{"a":"€$\\u000f\\nA\'B\\"\\\\","b":[1,1e+21,1e-7,0.1,0,333333333.3333333],"é":null}'
    assert signed_folder.canonical_json(value) == expected.encode()


@pytest.mark.parametrize("rate", [125, 130, 250, 360, 500, 1000])
def test_filters_resample_as_scipy_does(rate):
    filter_ = signed_folder.resampling(rate, 100)
    x = np.random.default_rng(0).normal(size=10 * rate)
    up, down = filter_["up"], filter_["down"]
    assert rate * up == 100 * down
    expected = resample_poly(x, up, down)
    taps = np.array(filter_["taps"])
    assert len(taps) % 2 == 1
    np.testing.assert_allclose(resample_poly(x, up, down, window=taps / up), expected, atol=1e-7)


@pytest.fixture
def signed(tmp_path):
    key = Ed25519PrivateKey.generate()
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"weights")
    signed_folder.sign(folder, {"name": "x"}, key)
    return folder, key


def test_a_signed_folder_verifies_and_is_canonical(signed):
    folder, key = signed
    manifest = signed_folder.verify(folder, key.public_key())
    assert set(manifest["files"]) == {"model.onnx"}
    assert (folder / "manifest.json").read_bytes() == signed_folder.canonical_json(manifest)
    assert json.loads((folder / "manifest.sig").read_text())["key"] == signed_folder.key_id(key.public_key())


def test_a_changed_manifest_a_changed_file_and_another_key_are_refused(signed):
    folder, key = signed
    with pytest.raises(InvalidSignature):
        signed_folder.verify(folder, Ed25519PrivateKey.generate().public_key())
    (folder / "model.onnx").write_bytes(b"Weights")
    with pytest.raises(EcgclipError, match="not the file"):
        signed_folder.verify(folder, key.public_key())
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"x"', b'"y"'))
    with pytest.raises(InvalidSignature):
        signed_folder.verify(folder, key.public_key())


def test_a_key_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "config" / "key.pem"
    key = signed_folder.load_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert signed_folder.load_or_make_key(path).public_key() == key.public_key()
    published = signed_folder.publish_key(key.public_key(), tmp_path / "trust")
    assert serialization.load_pem_public_key(published.read_bytes()) == key.public_key()
    assert b"PRIVATE" not in published.read_bytes()


def test_goldens_are_varied_and_some_lack_leads():
    windows = golden_windows(100, 1000, seed=1)
    assert windows.shape[0] >= 16
    assert windows.dtype == np.dtype("<i2")
    silent = (windows == 0).all(axis=2).sum(axis=1)
    assert (silent > 0).sum() >= 4
    assert (silent == 0).sum() >= 12


def test_catalog_has_the_89_tasks_and_every_alert_is_possible():
    tasks = load_catalog()
    groups = [task.group for task in tasks.values()]
    assert groups.count("echo") == 39
    assert groups.count("rare") == 5
    assert all(task.alert.need <= task.alert.of for task in tasks.values() if task.alert)


@pytest.fixture(scope="module")
def worked(tiny, joint, tmp_path_factory):
    """A tiny network through every step up to the bundle, with gates opened: eight records decide nothing."""
    open_gates = dataclasses.replace(tiny.quantization, macro_delta_prauc=1.0, task_delta_prauc=1.0, decision_flips=1.0)
    recipe = dataclasses.replace(tiny, quantization=open_gates)
    work = tmp_path_factory.mktemp("work")
    steps.train_step(recipe, joint, work, progress=False)
    steps.export_step(recipe, joint, work, progress=False)
    steps.evaluate_step(recipe, joint, work)
    return recipe, work


def test_steps_make_a_bundle_whose_goldens_hold(worked, tmp_path):
    recipe, work = worked
    out, trust, key = tmp_path / "reference", tmp_path / "trust", tmp_path / "key.pem"
    steps.bundle_step(recipe, work, out, trust, key)
    manifest = json.loads((out / "manifest.json").read_text())
    assert {"manifest.json", "manifest.sig", *manifest["files"]} == {path.name for path in out.iterdir()}
    assert [task["id"] for task in manifest["tasks"]] == ["AFIB", "NORM"]
    assert [(variant["precision"], variant["scheme"]) for variant in manifest["variants"]] == [
        ("int8", "u8s8"),
        ("fp32", "float"),
        ("fp16", "float"),
        ("int8", "s8s8"),
        ("int8", "s8s8-nhwc"),
    ]
    assert [variant["parity"] is None for variant in manifest["variants"]] == [False, True, False, False, False]
    goldens = json.loads((out / "goldens.json").read_text())
    windows = np.fromfile(out / "goldens.bin", "<i2").reshape(-1, 12, 1000)
    assert len(windows) == manifest["goldens"]["count"]
    for file, expected in goldens.items():
        points = [
            steps.OperatingPoint.from_json(task["point"])
            for task in json.loads((work / "report.json").read_text())["tasks"].values()
        ]
        np.testing.assert_allclose(steps.answers(out / file, windows, points), expected, atol=1e-4)
    assert "Not a medical device" in (out / "MODEL_CARD.md").read_text()


def test_a_variant_that_misses_a_gate_is_left_out_with_the_reason(worked, joint, tmp_path):
    recipe, work = worked
    shutil.copytree(work, tmp_path / "work")
    nothing_holds = dataclasses.replace(recipe.bundle, tolerance=-1.0)
    report = steps.evaluate_step(dataclasses.replace(recipe, bundle=nothing_holds), joint, tmp_path / "work")
    assert report["left_out"].keys() == {"fp16.onnx", "int8.tflite"}  # those that have an origin to be compared with
    assert "in the goldens; -1 is allowed" in report["left_out"]["fp16.onnx"]
    steps.bundle_step(recipe, tmp_path / "work", tmp_path / "reference", tmp_path / "trust", tmp_path / "key.pem")
    manifest = json.loads((tmp_path / "reference/manifest.json").read_text())
    assert [variant["scheme"] for variant in manifest["variants"]] == ["u8s8", "float", "s8s8"]
    assert "`fp16.onnx` is left out" in (tmp_path / "reference/MODEL_CARD.md").read_text()


def test_a_bundle_is_made_where_there_is_no_git(worked, tmp_path, monkeypatch):
    recipe, work = worked
    monkeypatch.setenv("PATH", str(tmp_path))
    steps.bundle_step(recipe, work, tmp_path / "reference", tmp_path / "trust", tmp_path / "key.pem")
    manifest = json.loads((tmp_path / "reference/manifest.json").read_text())
    assert manifest["provenance"]["commit"] == "unknown"


def test_heads_on_pooled_features_give_the_logits(worked, tmp_path):
    recipe, work = worked
    steps.bundle_step(recipe, work, tmp_path / "reference", tmp_path / "trust", tmp_path / "key.pem")
    heads = json.loads((tmp_path / "reference/manifest.json").read_text())["heads"]
    values = np.fromfile(tmp_path / "reference" / heads["file"], "<f4").reshape(-1)
    tasks, width = 2, 2 * heads["channels"]
    weights, biases = values[: tasks * width].reshape(tasks, width), values[tasks * width :]
    ecg = np.random.default_rng(1).normal(size=(1, 12, 1000)).astype(np.float32)
    for variant in ("fp32", "int8"):
        logits, _, features = session(work / f"{variant}.onnx").run(None, {INPUT: ecg})
        pooled = np.concatenate([features.mean(axis=2), features.max(axis=2)], axis=1)
        np.testing.assert_allclose(pooled @ weights.T + biases, logits, atol=1e-4)


def test_counter_may_only_rise(worked, tmp_path):
    recipe, work = worked
    where = (tmp_path / "reference", tmp_path / "trust", tmp_path / "key.pem")
    steps.bundle_step(recipe, work, *where)
    with pytest.raises(EcgclipError, match="counter"):
        steps.bundle_step(recipe, work, *where)


@pytest.fixture
def again(worked, tmp_path):
    """A copy of the work folder, with its report."""
    recipe, work = worked
    shutil.copytree(work, tmp_path / "work")
    return recipe, tmp_path / "work"


def refused(recipe, work):
    with pytest.raises(EcgclipError, match=r"report.json is not there: run `evaluate` first"):
        steps.bundle_step(recipe, work, work / "reference", work / "trust", work / "key.pem")


def test_a_gate_that_does_not_hold_leaves_no_report_not_even_an_older_one(again, joint):
    recipe, work = again
    strict = dataclasses.replace(recipe.quantization, macro_delta_prauc=-1.0)
    with pytest.raises(GateError):
        steps.evaluate_step(dataclasses.replace(recipe, quantization=strict), joint, work)
    refused(recipe, work)


def test_graphs_that_are_exported_anew_have_no_report_yet(again, joint):
    recipe, work = again
    steps.export_step(recipe, joint, work, progress=False)
    refused(recipe, work)


def test_a_recipe_that_could_not_be_measured_is_refused_before_it_trains(tiny, joint, records_folder, tmp_path):
    ours = dataclasses.replace(tiny, sets=(dataclasses.replace(tiny.sets[1], name="hospital"), tiny.sets[1]))
    (tmp_path / "hospital").symlink_to(records_folder / "ptbxl")
    (tmp_path / "af2017").symlink_to(records_folder / "af2017")
    with pytest.raises(EcgclipError, match="validates with no set ptbxl"):
        steps.train_step(ours, open_joint(tmp_path, ours), tmp_path, progress=False)
    few = dataclasses.replace(tiny, quantization=dataclasses.replace(tiny.quantization, task_gate_positives=10))
    with pytest.raises(EcgclipError, match="No task has 10 positives in ptbxl's validation folds"):
        steps.train_step(few, joint, tmp_path, progress=False)
    with pytest.raises(EcgclipError, match="enough of NORM"):
        steps.train_step(tiny, dataclasses.replace(joint, tasks=("AFIB", "SR")), tmp_path, progress=False)


def test_an_export_that_does_not_come_to_its_end_leaves_nothing_to_measure(again, joint):
    recipe, work = again
    nowhere = RefitRecipe(("AFIB",), ("nowhere",), windows=10, teacher_share=0.0, penalty=0.01)
    with pytest.raises(ValueError, match="nowhere"):
        steps.export_step(dataclasses.replace(recipe, refits=(nowhere,)), joint, work, progress=False)
    with pytest.raises(EcgclipError, match=r"onnx is not there: run `export` first"):
        steps.evaluate_step(recipe, joint, work)


def test_a_graph_that_answers_with_what_is_no_number_is_not_measured(again, joint):
    recipe, work = again
    weights, _ = linear_heads(work / "int8.onnx")
    write_heads(work / "int8.onnx", [0], weights[:1], np.full(1, np.nan))
    with pytest.raises(GateError, match="int8 answers 16 of 16 windows with what is no number"):
        steps.evaluate_step(recipe, joint, work)
    refused(recipe, work)


def test_a_measurement_that_was_stopped_between_the_graphs_leaves_them_the_same_offsets(again, joint):
    recipe, work = again
    set_limb_only(work / "int8.onnx", limb_only(work / "int8.onnx") + np.float32(0.7))
    steps.evaluate_step(recipe, joint, work)
    for file in ("fp32.onnx", "fp16.onnx", "s8s8.onnx"):
        np.testing.assert_allclose(limb_only(work / file), limb_only(work / "int8.onnx"), atol=1e-5)


def test_command_line_says_what_is_missing_in_one_line(tmp_path, capsys):
    assert main(["data", "--records", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "bad.toml").write_text("name = 'x'")
    assert main(["train", "--recipe", str(tmp_path / "bad.toml")]) == 1
    assert "missing or unknown" in capsys.readouterr().err
