"""The records contract: what is written can be read, looked at, and gone on with."""

import dataclasses
import resource

import numpy as np
import pandas as pd
import pytest

from ecgclip.data.records import Candidate, Origin, Record, hash_fold, open_records, write_records
from ecgclip.errors import EcgclipError
from ecgclip.leads import DERIVATION

ORIGIN = Origin("made up", "none", ("AFIB", "NORM"), rate=100, samples=50)


def signal(seed, absent=()):
    x = np.random.default_rng(seed).normal(scale=0.5, size=(8, 50)).astype(np.float32)
    x[list(absent)] = np.nan
    return x


def candidate(name, **changes):
    fields = {"patient": f"p{name}", "source": f"{name}.dat", "rate": 500.0, "signal": signal(1)} | changes
    return Candidate(name, lambda: [Record(record=name, **fields)])


def failing(name, error):
    def read():
        raise error

    return Candidate(name, read)


def test_what_is_written_is_read_back(tmp_path):
    labels = {"AFIB": 1.0}
    records = write_records(
        tmp_path,
        ORIGIN,
        [candidate("a", labels=labels, report="atrial\nfibrillation, fast", fold=9), candidate("b")],
        progress=False,
    )
    twelve = records.millivolts(slice(None))
    np.testing.assert_allclose(twelve[0], DERIVATION @ signal(1), atol=0.0011)
    assert records.table.report.tolist() == ["atrial fibrillation, fast", ""]
    assert records.folds.tolist() == [9, hash_fold("pb")]
    np.testing.assert_array_equal(records.known(("NORM", "AFIB", "PVC"))[0], [np.nan, 1, np.nan])
    assert records.manifest["positives"] == {"AFIB": 1, "NORM": 0}


def test_absent_leads_are_zero_with_those_that_would_need_them(tmp_path):
    records = write_records(tmp_path, ORIGIN, [candidate("a", signal=signal(2, range(1, 8)))], progress=False)
    assert records.table.leads.tolist() == ["I"]
    assert (np.ptp(records.millivolts(slice(None))[0], axis=1) > 0).tolist() == [True] + [False] * 11


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (failing("x", OSError("no such file")), "no such file"),
        (failing("x", ValueError("two\nlines")), "two lines"),
        (candidate("x", signal=signal(1)[:, :20]), "not \\(8, 50\\)"),
        (candidate("x", signal=signal(1, range(8))), "none of the leads"),
        (candidate("x", signal=np.where(np.arange(50) == 7, np.nan, signal(1))), "samples are missing"),
        (candidate("x", labels={"VT": 1.0}), "no tasks"),
        (Candidate("x", lambda: []), "nothing in it"),
        (Candidate("x", candidate("a").read), "another record is called a"),
    ],
)
def test_a_record_that_cannot_be_used_is_listed_with_its_reason(tmp_path, bad, why):
    records = write_records(tmp_path, ORIGIN, [candidate("a"), bad, candidate("c")], progress=False)
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert rejected.record.tolist() == ["x"]
    assert pd.Series(rejected.reason).str.contains(why).all()
    assert records.table.record.tolist() == ["a", "c"]
    assert len(records.signals) == 2


def test_nothing_readable_is_an_error_that_says_why(tmp_path):
    with pytest.raises(EcgclipError, match=r"None of 1 .* no such file"):
        write_records(tmp_path, ORIGIN, [failing("x", OSError("no such file"))], progress=False)


class Stopped(BaseException):
    """As Ctrl-C."""


@pytest.mark.parametrize("torn", [0, 7, 500])
def test_an_import_that_was_stopped_goes_on_to_the_same_folder(tmp_path, torn):
    wanted = [candidate("a"), failing("x", OSError("gone")), candidate("b", signal=signal(3)), candidate("c")]
    whole = write_records(tmp_path / "whole", ORIGIN, wanted, progress=False)
    with pytest.raises(Stopped):
        write_records(tmp_path / "cut", ORIGIN, [*wanted[:3], failing("c", Stopped())], progress=False)
    with pytest.raises(EcgclipError, match="no finished folder"):
        open_records(tmp_path / "cut")
    with (tmp_path / "cut" / "signals.i16").open("ab") as file:
        file.write(b"\1" * torn)
    with (tmp_path / "cut" / "journal.jsonl").open("ab") as file:
        file.write(b'[{"candidate": "c", "rec'[:torn])
    read = []
    watched = [Candidate(c.name, lambda c=c: read.append(c.name) or c.read()) for c in wanted]
    again = write_records(tmp_path / "cut", ORIGIN, watched, progress=False)
    assert read == ["c"]
    assert again.manifest == whole.manifest


@pytest.mark.parametrize(
    ("origin", "settings"),
    [
        (dataclasses.replace(ORIGIN, samples=25), {"lead": "ECG1=II"}),
        (dataclasses.replace(ORIGIN, tasks=("AFIB",)), {"lead": "ECG1=II"}),
        (ORIGIN, {"lead": "ECG1=V1"}),
        (ORIGIN, {}),
    ],
)
def test_an_import_that_was_stopped_does_not_go_on_to_something_else(tmp_path, origin, settings):
    first = [candidate("a"), failing("b", Stopped())]
    with pytest.raises(Stopped):
        write_records(tmp_path, ORIGIN, first, {"lead": "ECG1=II"}, progress=False)
    with pytest.raises(EcgclipError, match="begun with other"):
        write_records(tmp_path, origin, [candidate("a"), candidate("b")], settings, progress=False)
    both = [candidate("a"), candidate("b", signal=signal(2))]
    records = write_records(tmp_path, ORIGIN, both, {"lead": "ECG1=II"}, progress=False)
    np.testing.assert_allclose(records.millivolts(slice(None))[1], DERIVATION @ signal(2), atol=0.0011)


def test_an_import_for_whose_manifest_there_was_no_room_goes_on_when_there_is(tmp_path):
    tasks = tuple(f"TASK{k}" for k in range(100))
    origin = dataclasses.replace(ORIGIN, tasks=tasks)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, unlimited[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_records(tmp_path, origin, [candidate("a")], progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert len(write_records(tmp_path, origin, [candidate("a")], progress=False).table) == 1


def test_a_finished_folder_is_not_overwritten(tmp_path):
    write_records(tmp_path, ORIGIN, [candidate("a")], progress=False)
    with pytest.raises(EcgclipError, match="remove it"):
        write_records(tmp_path, ORIGIN, [candidate("a")], progress=False)


def test_a_folder_with_half_its_signals_is_refused(tmp_path):
    write_records(tmp_path, ORIGIN, [candidate("a")], progress=False)
    with (tmp_path / "signals.i16").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(EcgclipError, match="import it again"):
        open_records(tmp_path)


def test_a_patient_is_in_one_fold_and_folds_are_about_equal():
    folds = np.array([hash_fold(f"patient {k}") for k in range(5000)])
    assert set(folds) == set(range(1, 11))
    assert np.bincount(folds)[1:].min() > 400
    assert hash_fold("17") == int("4523540f1504cd17", 16) % 10 + 1  # printf 17 | sha256sum
