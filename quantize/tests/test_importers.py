"""Importers, on small made-up collections in the real formats."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
import wfdb
from scipy.signal import resample_poly

from ecgclip.__main__ import main
from ecgclip.data.records import hash_fold, open_records
from ecgclip.importers.leads import eight_leads, windows
from ecgclip.importers.ptbxl import spread_statements, task_columns
from ecgclip.leads import INDEPENDENT, KEPT, LEADS
from ecgclip.simulator.dipole import Segment, simulate


@pytest.fixture(scope="module")
def twelve():
    return simulate([Segment(10)], 500, seed=1).signal


def test_leads_are_found_by_name_in_any_order_and_spelling(twelve):
    order = np.random.default_rng(0).permutation(12)
    names = [LEADS[k].upper() for k in order]
    np.testing.assert_allclose(eight_leads(names, twelve[order]), twelve[KEPT], atol=1e-6)


def test_two_limb_leads_of_any_kind_give_the_others(twelve):
    for pair in (("III", "aVR"), ("aVL", "aVF"), ("I", "aVF"), ("II", "III")):
        out = eight_leads(pair, twelve[[LEADS.index(name) for name in pair]])
        np.testing.assert_allclose(out[:2], twelve[:2], atol=1e-6)
        assert np.isnan(out[2:]).all()


def test_one_limb_lead_that_is_neither_gives_nothing(twelve):
    assert np.isnan(eight_leads(["aVR"], twelve[3:4])).all()


def test_bedside_names_are_known(twelve):
    out = eight_leads(["MLII", "MCL1"], twelve[[1, 6]])
    np.testing.assert_allclose(out[[1, 2]], twelve[[1, 6]], atol=1e-6)


def test_swapped_avl_and_avf_are_refused(twelve):
    """MIMIC-IV-ECG's order, read as if it were the usual one."""
    with pytest.raises(ValueError, match="contradict"):
        eight_leads(LEADS, twelve[[0, 1, 2, 3, 5, 4, *range(6, 12)]])


def test_limb_leads_that_contradict_each_other_are_refused_whichever_they_are(twelve):
    swapped = twelve[[0, 1, 2, 3, 5, 4]]
    for leads in (("I", "aVL", "aVF"), ("II", "III", "aVL", "aVF"), ("II", "aVR", "aVL", "aVF")):
        at = [LEADS.index(name) for name in leads]
        eight_leads(leads, twelve[at])
        with pytest.raises(ValueError, match="contradict"):
            eight_leads(leads, swapped[at])


def test_a_lead_that_is_there_is_not_derived(twelve):
    three = twelve[[LEADS.index(name) for name in ("I", "III", "aVR")]].copy()
    three[2, 100:200] = np.nan
    out = eight_leads(("I", "III", "aVR"), three)
    np.testing.assert_array_equal(out[0], three[0].astype(np.float32))


def test_resampling_is_scipys(twelve):
    ((start, window),) = windows(twelve[KEPT].astype(np.float32), 500, 100, 1000)
    assert start == 0
    np.testing.assert_allclose(window, resample_poly(twelve[KEPT], 1, 5, axis=1, padtype="edge"), atol=1e-5)


def test_long_recordings_are_cut_and_short_ones_filled_up():
    long = np.tile(np.arange(2500.0), (8, 1))
    assert [start for start, _ in windows(long, 100, 100, 1000, 500)] == [0, 5, 10, 15]
    ((_, window),) = windows(long[:, :700], 100, 100, 1000)
    assert (window[:, 700:] == 0).all()
    assert np.ptp(window[:, :700]) == pytest.approx(699)
    with pytest.raises(ValueError, match="half a window"):
        windows(long[:, :400], 100, 100, 1000)


def test_short_gaps_are_bridged_and_long_ones_make_the_lead_absent():
    x = np.tile(np.arange(1000.0), (8, 1))
    x[0, 300:350] = np.nan
    x[1, 300:450] = np.nan
    ((_, window),) = windows(x, 100, 100, 1000)
    np.testing.assert_allclose(window[0], np.arange(1000), atol=1e-3)
    assert np.isnan(window[1]).all()


STATEMENTS = pd.DataFrame(
    {
        "diagnostic": [1.0, 1.0, np.nan, 1.0],
        "form": [np.nan, np.nan, 1.0, 1.0],
        "rhythm": [np.nan, np.nan, np.nan, np.nan],
        "diagnostic_class": ["CD", "NORM", np.nan, "STTC"],
        "diagnostic_subclass": ["_AVB", "NORM", np.nan, "NST_"],
    },
    index=["1AVB", "NORM", "STD_", "NST_"],
)


def test_codes_are_spread_by_their_meaning():
    table = pd.DataFrame({"scp_codes": ["{'1AVB': 100.0, 'STD_': 0.0}", "{'NORM': 80.0}", "{'NST_': 50.0}"]})
    spread = spread_statements(table, STATEMENTS)
    tasks = task_columns(spread)
    assert tasks["NST"] == "form:NST"
    assert spread["sub_class:AVB"].tolist() == [1, 0, 0]
    assert spread["form:STD"].tolist() == [1, 0, 0]
    assert {"CD", "NORM_SUPER", "STTC", "AVB", "NST", "NORM", "STD"} == set(tasks)


def test_independent_leads_are_what_everything_is_stored_in():
    assert [LEADS[k] for k in KEPT] == list(INDEPENDENT)


def write_wfdb(folder, name, signal, leads, comments=()):
    wfdb.wrsamp(
        name, 500, ["mV"] * len(leads), list(leads), signal.T, fmt=["16"] * len(leads), write_dir=str(folder),
        comments=list(comments),
    )  # fmt: skip


def imported(tmp_path, source, *options):
    """The folder that the command makes."""
    run = ["import", *options[:1], str(source), "--out", str(tmp_path / "out"), "--quiet", *options[1:]]
    assert main([str(part) for part in run]) == 0
    return open_records(tmp_path / "out")


def test_a_challenge_header_gives_its_codes(tmp_path, twelve):
    (tmp_path / "in").mkdir()
    write_wfdb(tmp_path / "in", "A0001", twelve, LEADS, ["Age: 74", "Dx: 59118001,164889003"])
    write_wfdb(tmp_path / "in", "A0002", twelve, LEADS, ["Age: 74"])
    records = imported(tmp_path, tmp_path / "in", "challenge")
    positive = records.labels.iloc[0]
    assert set(positive[positive == 1].index) == {"AFIB", "CRBBB"}
    assert "no Dx line" in (tmp_path / "out" / "rejected.csv").read_text()


def test_mimics_leads_are_found_in_its_own_order(tmp_path, twelve):
    own = [0, 1, 2, 3, 5, 4, *range(6, 12)]
    write_wfdb(tmp_path, "40689238", twelve[own], [LEADS[k] for k in own])
    table = {"subject_id": [10000032], "study_id": [40689238], "path": ["40689238"]}
    pd.DataFrame(table).to_csv(tmp_path / "record_list.csv", index=False)
    reports = {
        "study_id": [40689238],
        "report_0": ["Sinus rhythm."],
        "report_1": ["Normal EKG ***"],
        "report_2": [None],
    }
    pd.DataFrame(reports).to_csv(tmp_path / "machine_measurements.csv", index=False)
    records = imported(tmp_path, tmp_path, "mimic")
    assert records.table.report.tolist() == ["Sinus rhythm. Normal ECG"]
    expected = resample_poly(twelve, 1, 5, axis=1, padtype="edge")
    np.testing.assert_allclose(records.millivolts(slice(None))[0], expected, atol=0.002)


@pytest.mark.parametrize("kind", ["npy", "hdf5"])
def test_arrays_are_read_only_in_an_order_that_can_be(tmp_path, twelve, kind):
    (tmp_path / "in").mkdir()
    padded = np.pad(twelve.T[None], ((0, 0), (100, 100), (0, 0)))
    if kind == "npy":
        np.save(tmp_path / "in" / "train.npy", padded[:, None])
        name = "train-0"
    else:
        with h5py.File(tmp_path / "in" / "exams_part0.hdf5", "w") as file:
            file["tracings"], file["exam_id"] = padded, [117]
        name = "117"
    pd.DataFrame({"record": [name], "patient": [3], "1AVB": [1]}).to_csv(tmp_path / "labels.csv", index=False)
    options = ("arrays", "--source-rate", 500, "--labels", tmp_path / "labels.csv")
    records = imported(tmp_path, tmp_path / "in", *options)
    assert records.table.patient.tolist() == ["in-3"]
    assert records.labels["1AVB"].tolist() == [1]
    expected = resample_poly(twelve, 1, 5, axis=1, padtype="edge")
    np.testing.assert_allclose(records.millivolts(slice(None))[0], expected, atol=0.002)
    shutil.rmtree(tmp_path / "out")
    wrong = "I,II,III,aVR,aVF,aVL,V1,V2,V3,V4,V5,V6"
    argv = ["import", "arrays", tmp_path / "in", "--out", tmp_path / "out", "--quiet", "--source-rate", 500]
    assert main([str(part) for part in [*argv, "--order", wrong]]) == 1


def test_plain_csv_says_its_leads_in_its_first_line(tmp_path, twelve):
    (tmp_path / "in").mkdir()
    pd.DataFrame(twelve[:2].T * 1000, columns=["II", "I"]).to_csv(tmp_path / "in" / "a.csv", index=False)
    records = imported(tmp_path, tmp_path / "in", "csv", "--source-rate", 500, "--per-mv", 1000)
    assert records.table.leads.tolist() == ["I II"]
    expected = resample_poly(twelve[0], 1, 5, padtype="edge")
    np.testing.assert_allclose(records.millivolts(slice(None))[0, 1], expected, atol=0.002)


def test_stretches_label_the_windows_that_they_cover(tmp_path):
    (tmp_path / "in").mkdir()
    signal = simulate([Segment(40)], 500, seed=2).signal
    write_wfdb(tmp_path / "in", "r1", signal[1:2], ["ECG1"])
    pd.DataFrame({"record": ["r1", "r1"], "label": ["VT", "N"], "start": [8.0, 14.0], "end": [14.0, 40.0]}).to_csv(
        tmp_path / "intervals.csv", index=False
    )
    options = ("wfdb", "--intervals", tmp_path / "intervals.csv", "--lead", "ECG1=II", "--rate", "100")
    records = imported(tmp_path, tmp_path / "in", *options)
    np.testing.assert_array_equal(records.labels["VT"], [np.nan, 1, 0, 0])
    np.testing.assert_array_equal(records.labels["N"], [0, 1, 1, 1])
    assert records.table.patient.nunique() == 1


def test_a_damaged_header_is_rejected_and_the_others_are_read(tmp_path, twelve):
    folder = tmp_path / "in"
    folder.mkdir()
    write_wfdb(folder, "b", twelve, LEADS)
    whole = (folder / "b.hea").read_text()
    (folder / "a.hea").write_text("")
    (folder / "c.hea").write_text(whole.splitlines()[0])
    (folder / "d.hea").write_text("d 0 500 5000\n")
    records = imported(tmp_path, folder, "wfdb")
    assert records.table.record.tolist() == ["b@0"]
    rejected = pd.read_csv(tmp_path / "out" / "rejected.csv")
    assert rejected.record.tolist() == ["a", "c", "d"]
    assert rejected.reason.str.contains("a.hea is damaged|c.hea is damaged|no signals").all()


def test_an_empty_cell_of_a_table_is_neither_a_patient_nor_a_report(tmp_path, twelve):
    (tmp_path / "in").mkdir()
    for name in "abc":
        pd.DataFrame(twelve[:2].T, columns=["I", "II"]).to_csv(tmp_path / "in" / f"{name}.csv", index=False)
    (tmp_path / "labels.csv").write_text("record,patient,report,fold,AFIB\na,7,fine,9,1\nb,,,,0\nc,,,,\n")
    records = imported(tmp_path, tmp_path / "in", "csv", "--source-rate", 500, "--labels", tmp_path / "labels.csv")
    assert records.table.patient.tolist() == ["in-7", "in-b", "in-c"]
    assert records.table.report.tolist() == ["fine", "", ""]
    assert records.folds.tolist() == [9, hash_fold("in-b"), hash_fold("in-c")]
    np.testing.assert_array_equal(records.labels.AFIB, [1, 0, np.nan])


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (None, "Cannot read"),
        ("exam_id,AFIB\na,1\n", "no column record"),
        ("record,patient\na,1\na,2\n", "record a is there twice"),
        ("record,AFIB,age\na,1,63\n", "age is 63"),
        ("record,sex\na,female\n", "sex is female"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "arrays", "wfdb"])
def test_a_table_that_cannot_be_meant_is_refused_before_anything_is_read(tmp_path, capsys, kind, table, why):
    (tmp_path / "in").mkdir()
    labels = tmp_path / "labels.csv"
    if table:
        labels.write_text(table)
    argv = ["import", kind, tmp_path / "in", "--out", tmp_path / "out", "--source-rate", 500, "--labels", labels]
    assert main([str(part) for part in argv]) == 1
    assert why in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_import_that_found_nothing_does_not_go_on_with_other_options(tmp_path, twelve, capsys):
    (tmp_path / "in").mkdir()
    write_wfdb(tmp_path / "in", "r1", twelve[1:2], ["ECG1"])
    argv = ["import", "wfdb", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(argv) == 1
    assert main([*argv, "--lead", "ECG1=II"]) == 1
    assert "begun with other options" in capsys.readouterr().err


def test_a_window_far_into_a_recording_of_days_has_a_name_of_its_own(tmp_path):
    (tmp_path / "in").mkdir()
    signal = np.tile(np.arange(10) / 10, 210_000)[:, None]
    wfdb.wrsamp("r", 10, ["mV"], ["II"], signal, fmt=["16"], write_dir=str(tmp_path / "in"))
    options = ("wfdb", "--rate", 10, "--samples", 100, "--hop", 99_999.7)
    records = imported(tmp_path, tmp_path / "in", *options)
    assert records.table.record.tolist() == ["r@0", "r@99999.7", "r@199999.4"]
