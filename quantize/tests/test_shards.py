"""A folder of records and its shards are the same to everyone who opens them."""

import copy
import json
import tarfile

import numpy as np
import pandas as pd
import pytest

from ecgclip.__main__ import main
from ecgclip.data import shard_command
from ecgclip.data.records import Candidate, Origin, Record, open_records, write_records
from ecgclip.data.shard_command import shard_records
from ecgclip.data.shards import MIXED, read_shard, shard_path, shuffled
from ecgclip.errors import EcgclipError
from ecgclip.pretraining.pool import Pool
from ecgclip.pretraining.pretrain import Sampler

COUNT, SIZE = 23, 4


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    random = np.random.default_rng(0)

    def candidate(k):
        signal = random.normal(0, 1, (8, 100)).astype(np.float32)
        signal[k % 8] = np.nan
        labels = {"AFIB": float(k % 2)} | ({"PVC": 1.0} if k % 3 == 0 else {})
        record = Record(f"r.{k}", f"p-{k // 2}", "somewhere", 100, signal, labels, report=f"Vorhofflimmern Nr. {k}")
        return Candidate(str(k), lambda: [record])

    folder = tmp_path_factory.mktemp("shards") / "records"
    origin = Origin("random", "none", ("AFIB", "PVC"), rate=100, samples=100)
    return write_records(folder, origin, [candidate(k) for k in range(COUNT)], progress=False)


@pytest.fixture(scope="module")
def sharded(records, tmp_path_factory):
    out = tmp_path_factory.mktemp("sharded") / "out"
    assert main(["shard", "--records", str(records.folder), "--out", str(out), "--size", str(SIZE), "--quiet"]) == 0
    return open_records(out)


@pytest.mark.parametrize(
    "rows", [slice(None), slice(3, 9), np.array([22, 0, 7, 7, 5]), np.arange(COUNT) % 5 == 1, np.array([], np.int64)]
)
def test_any_rows_are_the_same_windows(records, sharded, rows):
    np.testing.assert_array_equal(sharded.signals[rows], records.signals[rows])
    np.testing.assert_array_equal(sharded.millivolts(rows), records.millivolts(rows))


def test_tables_are_the_same(records, sharded):
    pd.testing.assert_frame_equal(sharded.table, records.table)
    pd.testing.assert_frame_equal(sharded.labels, records.labels)


def test_shards_keep_to_the_convention_so_that_others_can_read_them(records, sharded):
    """Members of a window are neighbours and share what stands before the first dot of their names."""
    rows = []
    for k in range(-(-COUNT // SIZE)):
        with tarfile.open(shard_path(sharded.folder, k)) as tar:
            names = tar.getnames()
            for data, about in zip(names[::2], names[1::2], strict=True):
                assert data.split(".", 1) == [about.split(".", 1)[0], "npy"]
                rows.append(json.load(tar.extractfile(about)))
    assert [row["record"] for row in rows] == records.table.record.tolist()
    assert [row["report"] for row in rows] == records.table.report.tolist()
    assert [row["labels"].get("PVC") for row in rows] == [1 if k % 3 == 0 else None for k in range(COUNT)]


def test_a_shard_can_be_read_forwards_only(records, sharded):
    found = [window for k in range(6) for window, _ in read_shard(shard_path(sharded.folder, k))]
    np.testing.assert_array_equal(np.stack(found), records.signals[:])


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(records, sharded, tmp_path, monkeypatch):
    write, written = shard_command.write_shard, []

    def stopping(path, *about):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, *about)

    with monkeypatch.context() as patch:
        patch.setattr(shard_command, "write_shard", stopping)
        with pytest.raises(KeyboardInterrupt):
            shard_records(records, tmp_path, SIZE, progress=False)
    with pytest.raises(EcgclipError, match="no finished folder"):
        open_records(tmp_path)
    with pytest.raises(EcgclipError, match="another --size"):
        shard_records(records, tmp_path, SIZE + 1, progress=False)
    shard_records(records, tmp_path, SIZE, progress=False)
    assert json.loads((tmp_path / "manifest.json").read_text()) == sharded.manifest
    assert not (tmp_path / "plan.json").exists()


def test_a_shuffled_order_is_whole_and_takes_few_shards_at_a_time():
    rows = np.flatnonzero(np.arange(3000) % 2 > 0)
    order = shuffled(rows, 100, np.random.default_rng(0))
    assert sorted(order) == rows.tolist()
    assert not np.array_equal(order, shuffled(rows, 100, np.random.default_rng(1)))
    each = len(rows) // 30 * MIXED
    assert all(len(set(order[k : k + each] // 100)) <= MIXED for k in range(0, len(order), each))


def test_pre_training_draws_from_shards_and_goes_on_where_it_was(sharded):
    pool = Pool([sharded], [1.0], [np.arange(COUNT)], [], [], [])
    whole = Sampler(pool, 5, seed=1)
    first = [whole.draw()[0] for _ in range(4)]
    state = copy.deepcopy(whole.state())
    rest = [whole.draw()[0] for _ in range(4)]
    other = Sampler(pool, 5, seed=2)
    other.restore(state)
    np.testing.assert_array_equal(rest, [other.draw()[0] for _ in range(4)])
    assert len(set(np.concatenate(first))) == 20


def test_a_shard_that_was_cut_off_is_named(sharded, records, tmp_path):
    shard_records(records, tmp_path, SIZE, progress=False)
    path = shard_path(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(EcgclipError, match=r"000002\.tar"):
        open_records(tmp_path).signals[np.array([9])]
