"""The recording that the demonstration plays, and the bundle that is shipped, together."""

import json
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgclip.export.onnx_export import logits
from ecgclip.judging.calibrate import Platt
from ecgclip.leads import DERIVATION, INDEPENDENT
from ecgclip.simulator.demo import STORY, write_demo

MODELS = Path(__file__).parents[2] / "models"
HOP, WINDOW = 5, 10  # s


def test_shipped_recording_is_the_one_that_the_simulator_makes(tmp_path):
    write_demo(tmp_path)
    shipped = np.fromfile(MODELS / "demo" / "demo.dat", "<i2").astype(int)
    made = np.fromfile(tmp_path / "demo.dat", "<i2").astype(int)
    assert abs(shipped - made).max() <= 1  # another libm may round the last microvolt the other way
    assert (MODELS / "demo" / "demo.dat").stat().st_size < 2_000_000


def test_wfdb_reads_the_recording():
    record = wfdb.rdrecord(str(MODELS / "demo" / "demo"))
    assert (record.fs, record.sig_name) == (500, list(INDEPENDENT))
    assert record.sig_len == sum(segment.seconds for segment in STORY) * 500
    assert record.adc_gain == [1000.0] * 8
    digital = wfdb.rdrecord(str(MODELS / "demo" / "demo"), physical=False)
    assert digital.calc_checksum() == [checksum % 65536 for checksum in digital.checksum]
    assert 0.5 < abs(record.p_signal).max() < 5


@pytest.fixture(scope="module")
def probabilities():
    """Each task over the windows of the recording, as a gateway sees them, from the shipped int8 model."""
    manifest = json.loads((MODELS / "reference" / "manifest.json").read_text())
    record = wfdb.rdrecord(str(MODELS / "demo" / "demo"))
    twelve = DERIVATION @ record.p_signal.T
    (rule,) = (r for r in manifest["input"]["resampling"] if r["from"] == record.fs)
    taps, down = np.array(rule["taps"]), rule["down"]
    filtered = np.stack([np.convolve(lead, taps, "same") for lead in twelve])[:, ::down]
    assert rule["up"] == 1
    rate, samples = manifest["input"]["rate"], manifest["input"]["samples"]
    starts = range(0, filtered.shape[1] - samples + 1, HOP * rate)
    windows = np.stack([filtered[:, k : k + samples] for k in starts]).astype(np.float32)
    (file,) = (v["file"] for v in manifest["variants"] if v["file"].endswith(".int8.onnx"))
    z = logits(MODELS / "reference" / file, windows)
    tasks = {task["id"]: (k, task) for k, task in enumerate(manifest["tasks"])}
    return {
        name: (Platt(task["calibration"]["a"], task["calibration"]["b"])(z[:, k]), task)
        for name, (k, task) in tasks.items()
    }


def alert_times(p, task):
    """Seconds after the start at which an alert of this task starts."""
    rule, above, active, times = task["alert"], p >= task["threshold"]["value"], False, []
    for k in range(len(p)):
        if not active and above[max(0, k + 1 - rule["of"]) : k + 1].sum() >= rule["need"]:
            active = True
            times.append(k * HOP + WINDOW)
        elif active and p[k] < rule["clearBelow"]:
            active = False
    return times


def test_atrial_fibrillation_is_announced_once_and_within_a_minute(probabilities):
    (first,) = alert_times(*probabilities["AFIB"])
    begins = STORY[0].seconds
    assert begins < first <= 45  # leaves a quarter of a minute for start-up


def test_sinus_rhythm_is_not_announced_as_anything(probabilities):
    for name, (p, task) in probabilities.items():
        if task["alert"]:
            assert (p[:2] < task["threshold"]["value"]).all(), name
    assert probabilities["NORM"][0][0] > 0.5
