"""Importers of the one- and two-lead sets, on small recordings in PhysioNet's formats; and from those to a bundle."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from ecgclip.__main__ import main
from ecgclip.data.records import open_records
from ecgclip.importers.rhythms import Annotations, window_labels
from ecgclip.simulator.dipole import ATRIAL_FIBRILLATION, SINUS, Segment, simulate

RECIPES = Path(__file__).parents[1] / "recipes"
NOTHING = np.array([])


def write(folder, name, signal, leads, comments=(), rate=250):
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        name, rate, ["mV"] * len(leads), list(leads), signal.T, fmt=["16"] * len(leads), write_dir=str(folder),
        comments=list(comments),
    )  # fmt: skip


def run(*words):
    return main([str(word) for word in words])


def imported(out, kind, folder, *options):
    assert run("import", kind, folder, "--out", out, "--quiet", *options) == 0
    return open_records(out)


def annotated(*stretches, end=60.0, beats=NOTHING, ventricular=None):
    names, starts = zip(*stretches, strict=True)
    v = np.zeros(len(beats), bool) if ventricular is None else ventricular
    return Annotations(np.array(names), np.array(starts, float), end, beats, v)


def test_a_rhythm_holds_where_there_is_enough_of_it_and_is_unknown_where_there_is_little():
    of = annotated(("N", 0), ("VT", 12), ("N", 13.5), ("VT", 20), ("N", 23))
    assert window_labels(of, 0, 10)["VT"] == 0
    assert "VT" not in window_labels(of, 5, 15)  # 1.5 s
    assert window_labels(of, 15, 25)["VT"] == 1
    assert window_labels(of, 0, 10)["SR"] == 1
    assert window_labels(of, 15, 25)["SR"] == 0


def test_noise_hides_ventricular_rhythms_but_not_af():
    labels = window_labels(annotated(("N", 0), ("NOISE", 4), ("N", 8)), 0, 10)
    assert labels["AFIB"] == 0
    assert not {"VT", "VF", "ASYS", "PACE"} & labels.keys()


def test_rates_are_those_of_the_challenge_of_2015():
    fast = window_labels(annotated(("N", 0), beats=np.arange(0, 10, 60 / 150)), 0, 10)
    slow = window_labels(annotated(("N", 0), beats=np.arange(0, 10, 60 / 35)), 0, 10)
    assert (fast["ETACHY"], fast["EBRADY"]) == (1, 0)
    assert (slow["ETACHY"], slow["EBRADY"]) == (0, 1)
    nobody_marked_beats = window_labels(annotated(("N", 0)), 0, 10)
    assert not {"ETACHY", "EBRADY", "PVC"} & nobody_marked_beats.keys()


def test_recordings_with_atr_files_are_read_with_two_signals_of_one_name(tmp_path):
    signal = simulate([Segment(30)], 250, seed=3).signal
    write(tmp_path / "in" / "vfdb", "421", signal[[1, 6]], ["ECG", "other"])
    header = tmp_path / "in" / "vfdb" / "421.hea"
    header.write_text(header.read_text().replace("other", "ECG"))
    at = np.array([18, 3000, 5000, 5050])
    wfdb.wrann(
        "421", "atr", at, ["+", "V", "+", "N"], aux_note=["(N", "", "(VFL", ""], write_dir=str(tmp_path / "in/vfdb")
    )
    records = imported(tmp_path / "out", "rhythms", tmp_path / "in", "--lead", "ECG1=II", "--lead", "ECG2=V1")
    assert records.table.record.tolist() == [f"vfdb-421@{k}" for k in (0, 5, 10, 15, 20)]
    assert set(records.table.leads) == {"II V1"}
    np.testing.assert_array_equal(records.labels.VF, [0, 0, 0, 1, 1])  # from 20 s
    np.testing.assert_array_equal(records.labels.PVC, [0, 1, 1, 0, 0])  # at 12 s


def test_a_recording_whose_annotations_break_off_is_rejected_not_labelled_without_beats(tmp_path):
    folder = tmp_path / "in" / "mitdb"
    signal = simulate([Segment(60)], 250, seed=3).signal[[1, 6]]
    at = np.arange(1, 60) * 250
    for name in ("100", "101", "102"):
        write(folder, name, signal, ["MLII", "V1"])
        wfdb.wrann(name, "atr", at, ["+"] + ["N"] * 58, aux_note=["(N"] + [""] * 58, fs=250, write_dir=str(folder))
    whole = (folder / "101.atr").read_bytes()
    (folder / "101.atr").write_bytes(whole[: 2 * (len(whole) // 4)])
    (folder / "102.atr").write_bytes(b"")
    records = imported(tmp_path / "out", "rhythms", tmp_path / "in")
    assert set(records.table.patient) == {"mitdb-100"}
    assert (records.labels["EBRADY"] == 0).all()
    assert pd.read_csv(tmp_path / "out" / "rejected.csv").reason.str.contains("breaks off").all()


def test_two_records_of_one_person_are_one_patient_in_one_fold(tmp_path):
    folder = tmp_path / "in" / "mitdb"
    for name in ("200", "201", "202"):
        write(folder, name, simulate([Segment(15)], 360, seed=int(name)).signal[[1, 6]], ["MLII", "V1"], rate=360)
        wfdb.wrann(name, "atr", np.array([10, 400]), ["+", "N"], aux_note=["(N", ""], fs=360, write_dir=str(folder))
    records = imported(tmp_path / "out", "rhythms", tmp_path / "in")
    same = records.table[records.table.record.str.contains("20[12]@")]
    assert set(same.record) == {"mitdb-201@0", "mitdb-201@5", "mitdb-202@0", "mitdb-202@5"}
    assert same.patient.nunique() == same.fold.nunique() == 1
    assert records.table.patient.nunique() == 2


@pytest.fixture(scope="module")
def two_leads():
    return simulate([Segment(330)], 250, seed=4).signal[[1, 6]]


def test_windows_of_an_alarm_end_with_it(tmp_path, two_leads):
    write(tmp_path / "in", "v100l", two_leads, ["II", "V"], ["Ventricular_Tachycardia", "True alarm"])
    write(tmp_path / "in", "a101s", two_leads[:, : 300 * 250], ["II", "V"], ["Asystole", "False alarm"])
    write(tmp_path / "in", "x102s", two_leads[:, : 300 * 250], ["II", "V"])
    records = imported(tmp_path / "out", "challenge2015", tmp_path / "in")
    assert records.table.record.tolist() == [
        *(f"a101s@{k}" for k in (30, 40, 46, 48, 50)),
        *(f"v100l@{k}" for k in (46, 48, 50)),
    ]
    found = records.labels.iloc[[0, -1]]
    assert found.VT.tolist() == [0, 1]
    assert found.ASYS.tolist() == [0, 0]
    assert np.isnan(found.EBRADY.iloc[0])  # a false asystole may be a slow heart
    assert np.isnan(found.VF.iloc[1])
    ends = [records.signals[k, 1] / 1000 for k in (4, 7)]  # both are the last ten seconds before 300 s
    np.testing.assert_allclose(ends[0], ends[1], atol=0.03)
    assert "names no alarm" in (tmp_path / "out" / "rejected.csv").read_text()


def test_letters_of_2017_become_labels(tmp_path, two_leads):
    for k, name in enumerate(("A00001", "A00002", "A00003", "A00004")):
        write(tmp_path / "in", name, two_leads[:1, k * 5000 : k * 5000 + 5000], ["ECG"])
    (tmp_path / "in" / "REFERENCE.csv").write_text("A00001,N\nA00002,A\nA00003,~\n")
    records = imported(tmp_path / "out", "challenge2017", tmp_path / "in")
    assert set(records.table.leads) == {"I"}
    np.testing.assert_array_equal(records.labels.AFIB, [0, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(records.labels.SR, [1, 1, 0, 0, np.nan, np.nan])
    assert "does not say" in (tmp_path / "out" / "rejected.csv").read_text()


SMALLER = {
    r"minimum_positives = \d+": "minimum_positives = 4",
    r"training_folds = .*": "training_folds = [1, 2, 3, 4, 5, 6, 7]",
    r"validation_folds = \[\d.*": "validation_folds = [8, 9, 10]",
    r"draws = \d+": "draws = 8",
    r"absent = .*": "absent = []",
    r"widths = .*": "widths = [8, 8, 8, 8]",
    r"blocks = .*": "blocks = [1, 1, 1, 1]",
    r"epochs = \d+\nbatch = \d+": "epochs = 1\nbatch = 8",
    r"start = .*": 'start = ""',
    r"teacher = .*": 'teacher = ""',
    r"teacher_share = .*": "teacher_share = 0.0",
    r"minimum_validation_positives = .*": "minimum_validation_positives = 2",
    r"cross_validated = .*": "cross_validated = false",
    r"bootstraps = .*": "bootstraps = 10",
    r"windows = 384": "windows = 16",
    r"tuning_epochs = .*": "tuning_epochs = 1",
    r"\ntasks = \[[^\]]*\]": '\ntasks = ["AFIB"]',
    r"task_gate_positives = .*": "task_gate_positives = 2",
    r"macro_delta_prauc = .*": "macro_delta_prauc = 1",
    r"task_delta_prauc = .*": "task_delta_prauc = 1",
    r"decision_flips = .*": "decision_flips = 1",
}


def test_four_collections_become_a_signed_bundle_by_commands_alone(tmp_path):
    """What `make records reproduce` does, a thousand times smaller; the network is too small to be any good."""
    source, records = tmp_path / "physionet", tmp_path / "records"
    table = []
    for k in range(40):
        rhythm = ATRIAL_FIBRILLATION if k % 2 else SINUS
        signal = simulate([Segment(15, rhythm)], 100, seed=k).signal
        write(
            source / "ptbxl",
            f"{k + 1:05}_lr",
            signal[:, :1000],
            ["I", "II", "III", "aVR", "aVL", "aVF", *(f"V{c}" for c in range(1, 7))],
            rate=100,
        )
        table.append(
            {
                "ecg_id": k + 1,
                "patient_id": k,
                "strat_fold": k % 10 + 1 if k % 10 < 9 else 1 + k // 10,
                "report": "",
                "super_class:NORM": int(k % 2 == 0),
                "rhythm:AFIB": k % 2,
                "rhythm:SR": int(k % 2 == 0),
            }
        )
        write(source / "2017", f"A{k:05}", signal[:1, :1000], ["ECG"], rate=100)
        write(source / "rhythms" / "mitdb", f"{k}", signal[[1, 6]], ["MLII", "V1"], rate=100)
        wfdb.wrann(
            f"{k}",
            "atr",
            np.array([5]),
            ["+"],
            aux_note=["(AFIB" if k % 2 else "(N"],
            write_dir=str(source / "rhythms/mitdb"),
        )
    pd.DataFrame(table).to_csv(source / "ptbxl" / "ptbxl_database.csv", index=False)
    (source / "2017" / "REFERENCE.csv").write_text("".join(f"A{k:05},{'NA'[k % 2]}\n" for k in range(40)))
    minute = simulate([Segment(60)], 100, seed=1).signal[[1, 6]]
    for k in range(16):
        write(
            source / "2015",
            f"v{k}s",
            minute,
            ["II", "V1"],
            ["Ventricular_Tachycardia", ("False alarm", "True alarm")[k % 2]],
            rate=100,
        )
    imported(records / "ptbxl", "ptbxl", source / "ptbxl")
    imported(records / "af2017", "challenge2017", source / "2017")
    imported(records / "alarms2015", "challenge2015", source / "2015")
    imported(records / "rhythms", "rhythms", source / "rhythms")
    assert run("cohort", "--count", 40, "--out", records / "simulated") == 0
    text = (RECIPES / "reference-r18.toml").read_text()
    for pattern, replacement in SMALLER.items():
        text, count = re.subn(pattern, replacement, text)
        assert count
    (tmp_path / "small.toml").write_text(text)
    options = ["--recipe", tmp_path / "small.toml", "--records", records, "--work", tmp_path / "work", "--quiet"]
    options += ["--out", tmp_path / "bundle", "--trust", tmp_path / "trust", "--key", tmp_path / "key.pem"]
    assert run("reproduce", *options) == 0
    assert "atrial fibrillation" in (tmp_path / "bundle" / "MODEL_CARD.md").read_text().lower()
