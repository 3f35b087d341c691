"""Reading PTB-XL-like folders, written here with simulated ECG."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ecgclip.data import load, locate, read_record, task_columns
from ecgclip.errors import EcgclipError
from ecgclip.leads import LEADS
from ecgclip.simulate import Segment, simulate


def write_record(folder, name, signal, leads=LEADS, gain=1000):
    counts = np.round(signal * gain).astype("<i2")
    (folder / f"{name}.dat").write_bytes(np.ascontiguousarray(counts.T).tobytes())
    rows = [f"{name}.dat 16 {gain}(0)/mV 16 0 {row[0]} 0 0 {lead}" for lead, row in zip(leads, counts, strict=True)]
    (folder / f"{name}.hea").write_text("\n".join([f"{name} {len(leads)} 100 {counts.shape[1]}", *rows]) + "\n")


@pytest.fixture(autouse=True)
def no_data_in_the_environment(monkeypatch):
    monkeypatch.delenv("ECGCLIP_DATA", raising=False)
    monkeypatch.delenv("ECGCLIP_LABELS", raising=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "records100").mkdir()
    for record in range(1, 5):
        write_record(tmp_path / "records100", f"{record:05d}_lr", simulate([Segment(10)], 100, record).signal)
    pd.DataFrame(
        {
            "ecg_id": [1, 2, 3, 4, 5],
            "strat_fold": [1, 8, 9, 10, 2],
            "super_class:STTC": [1, 0, 0, 0, 0],
            "has_super_class": 1,
            "sub_class:STTC": [0, 1, 0, 0, 0],
            "sub_class:NST": [1, 1, 0, 0, 0],
            "has_sub_class": 1,
            "form:NST": [1, 1, 0, 0, 0],
            "has_form": [1, 1, 0, 0, 0],
            "rhythm:AFIB": [1, 1, 0, 0, 0],
            "has_rhythm": 1,
        }
    ).to_csv(tmp_path / "ptbxl_labels.csv", index=False)
    return tmp_path


@pytest.fixture
def recipe(reference):
    return dataclasses.replace(reference, data=dataclasses.replace(reference.data, minimum_positives=1))


def test_reads_millivolts_and_lists_what_it_could_not_read(folder, recipe):
    dataset = load(*locate(folder, None), recipe, progress=False)
    assert dataset.ids.tolist() == [1, 2, 3]
    assert [line.split(":")[0] for line in dataset.rejected] == ["5"]
    np.testing.assert_allclose(dataset.signals[0], simulate([Segment(10)], 100, 1).signal, atol=0.0006)


def test_never_reads_the_test_fold(folder, recipe):
    assert 10 not in load(*locate(folder, None), recipe, progress=False).folds


def test_super_class_of_a_shared_name_gets_a_suffix_and_a_repeated_column_is_one_task(folder):
    columns = task_columns(pd.read_csv(folder / "ptbxl_labels.csv"))
    assert set(columns) == {"STTC", "STTC_SUPER", "NST", "AFIB"}
    assert columns["STTC_SUPER"] == "super_class:STTC"


def test_columns_that_share_a_name_and_differ_are_refused(folder):
    table = pd.read_csv(folder / "ptbxl_labels.csv")
    table["form:NST"] = 1 - table["form:NST"]
    with pytest.raises(EcgclipError, match="NST"):
        task_columns(table)


def test_leads_in_another_order_and_spelling_are_sorted(tmp_path, reference):
    signal = simulate([Segment(10)], 100, 1).signal
    swapped = [0, 1, 2, 3, 5, 4, *range(6, 12)]  # MIMIC-IV-ECG's order
    write_record(tmp_path, "a", signal[swapped], [LEADS[k].upper() for k in swapped])
    np.testing.assert_allclose(read_record(tmp_path / "a.hea", reference.model), signal, atol=0.0006)


def test_gain_is_applied(tmp_path, reference):
    signal = simulate([Segment(10)], 100, 1).signal
    write_record(tmp_path, "a", signal, gain=200)
    np.testing.assert_allclose(read_record(tmp_path / "a.hea", reference.model), signal, atol=0.003)


def test_records_of_another_length_and_without_samples_are_rejected_with_the_reason(folder, recipe):
    write_record(folder / "records100", "00001_lr", simulate([Segment(9)], 100, 1).signal)
    (folder / "records100" / "00002_lr.dat").unlink()
    dataset = load(*locate(folder, None), recipe, progress=False)
    assert dataset.ids.tolist() == [3]
    assert any("900 samples at 100 Hz" in line for line in dataset.rejected)


def test_missing_data_is_one_clear_sentence(tmp_path):
    with pytest.raises(EcgclipError, match="ECGCLIP_DATA"):
        locate(None, None)
    with pytest.raises(EcgclipError, match="ECGCLIP_LABELS"):
        locate(tmp_path, None)
