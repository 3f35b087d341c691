"""Importers, on small made-up collections in the real formats."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import resample_poly

from ecgclip.importers.leads import eight_leads, windows
from ecgclip.importers.ptbxl import spread_statements, task_columns
from ecgclip.leads import INDEPENDENT, KEPT, LEADS
from ecgclip.simulate import Segment, simulate


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
