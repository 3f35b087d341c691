"""Decisions about whole recordings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from ecgclip.__main__ import main
from ecgclip.bundle.open_bundle import open_bundle
from ecgclip.data.records import Candidate, Origin, Record, write_records
from ecgclip.report.cohort import used_for
from ecgclip.report.recordings import by_recording, found

BUNDLE = Path(__file__).parents[2] / "models" / "reference"


def test_figures_are_scikit_learns_and_lie_in_their_interval():
    rng = np.random.default_rng(0)
    truth = rng.random(300) < 0.2
    said = truth ^ (rng.random(300) < 0.1)
    result = found(truth, said, np.asarray(rng.multinomial(300, np.full(300, 1 / 300), 500), float))
    assert result.f1 == pytest.approx(f1_score(truth, said))
    assert result.sensitivity == pytest.approx(recall_score(truth, said))
    assert result.ppv == pytest.approx(precision_score(truth, said))
    assert result.low < result.f1 < result.high


def test_windows_of_a_recording_belong_together_wherever_they_stand():
    assert by_recording(["a@0", "b@0", "a@10", "c"]) == [[0, 2], [1], [3]]


def test_nothing_that_is_said_or_there_is_no_division_by_nothing():
    nothing = np.zeros(4, bool)
    result = found(nothing, nothing, np.ones((3, 4)))
    assert (result.f1, result.sensitivity, result.ppv) == (0, 0, 0)


def test_the_reference_bundle_finds_simulated_fibrillation_and_says_what_it_was_trained_with(
    records_folder, tmp_path, capsys
):
    shutil.copytree(records_folder / "ptbxl", tmp_path / "records")
    manifest = json.loads((tmp_path / "records" / "manifest.json").read_text())
    (tmp_path / "records" / "manifest.json").write_text(json.dumps(manifest | {"name": "PTB-XL"}))
    command = ["recordings", "--bundle", str(BUNDLE), "--records", str(tmp_path / "records"), "--task", "AFIB"]
    assert main([*command, "--fold", "8", "9", "--quiet", "--bootstraps", "50"]) == 0
    first, mean, alert, *uses = capsys.readouterr().out.splitlines()
    assert "16 recordings of 16 patients, 8 with it" in first
    assert mean.startswith("by the mean of their windows: F1 ")
    assert float(mean.split()[7]) > 0.8
    assert alert.startswith("by an alert, 2 of 3 windows: F1 ")
    assert uses == ["the bundle's training had folds 8 of these", "the bundle's validation had folds 9 of these"]


def test_an_unknown_task_and_folds_that_say_nothing_are_refused(records_folder, capsys):
    command = ["recordings", "--bundle", str(BUNDLE), "--records", str(records_folder / "af2017"), "--quiet"]
    assert main([*command, "--task", "XYZ"]) == 1
    assert "has no task XYZ" in capsys.readouterr().err
    assert main([*command, "--task", "NORM"]) == 1
    assert "Nothing in" in capsys.readouterr().err


def test_all_folds_of_a_collection_chose_the_level_of_a_task_that_was_cross_validated_there(tmp_path):
    def candidate(k):
        signal = np.zeros((8, 1000), np.float32)
        return Candidate(
            str(k), lambda: [Record(f"{k}@0", str(k), str(k), 250, signal, {"VT": 1.0, "AFIB": 1.0}, fold=k)]
        )

    origin = Origin("rhythms", "none", ("VT", "AFIB"), 100, 1000)
    records = write_records(tmp_path, origin, [candidate(k) for k in range(1, 11)], progress=False)
    bundle, tenth = open_bundle(BUNDLE), np.array([9])
    assert used_for(bundle, records, tenth, ["VT"]) == {"training": [], "validation": [10]}
    assert used_for(bundle, records, tenth, ["AFIB"]) == {"training": [], "validation": []}


def test_recordings_that_have_a_task_for_a_while_are_not_counted_by_their_first_window(tmp_path, capsys):
    signal = np.zeros((8, 1000), np.float32)
    windows = [Record(f"a@{k}", "a", "a", 250, signal, {"VT": float(k == 20)}, fold=9) for k in (0, 10, 20)]
    origin = Origin("holters", "none", ("VT",), 100, 1000)
    write_records(tmp_path, origin, [Candidate("a", lambda: windows)], progress=False)
    command = ["recordings", "--bundle", str(BUNDLE), "--records", str(tmp_path), "--task", "VT", "--quiet"]
    assert main(command) == 1
    assert "a@0 has VT in some of its windows only" in capsys.readouterr().err
