"""Patients who fall ill at a known time."""

from __future__ import annotations

import numpy as np
import pytest

from ecgclip.simulator.heart import normal_heart
from ecgclip.simulator.onset import ONSETS, with_onset
from ecgclip.simulator.rhythms import LEAD_IN, Timeline

SECONDS, ONSET = 60.0, 25.0


def fallen_ill(task: str, seed: int = 3) -> Timeline:
    rng = np.random.default_rng(seed)
    return with_onset(normal_heart(rng, 60), rng, task, SECONDS, ONSET)


def rr(timeline: Timeline, start: float, end: float) -> np.ndarray:
    return np.diff(sorted(beat.at for beat in timeline.beats if start <= beat.at < end))


@pytest.mark.parametrize("task", ONSETS)
def test_until_the_onset_every_beat_is_a_sinus_beat_with_its_p_wave(task: str) -> None:
    timeline = fallen_ill(task)
    before = [beat for beat in timeline.beats if beat.at < ONSET - 1]
    assert len({id(beat.heart) for beat in before}) == 1
    p_waves = np.array([at for at, _ in timeline.atrial])
    for beat in before:
        assert np.min(np.abs(p_waves - (beat.at - beat.heart.pr))) < 1e-9
    intervals = rr(timeline, 0, ONSET)
    assert 60 / 99 * 0.9 < intervals.mean() < 1.1
    assert intervals.std() / intervals.mean() < 0.06
    if timeline.wave:
        assert not timeline.wave(np.arange(0, ONSET, 0.01)).any()


def test_fibrillating_atria_make_the_ventricles_irregular_and_have_no_p_waves() -> None:
    timeline = fallen_ill("AFIB")
    intervals = rr(timeline, ONSET, SECONDS)
    assert intervals.std() / intervals.mean() > 0.1
    assert not [at for at, _ in timeline.atrial if at > ONSET]


def test_an_infarction_changes_the_st_segment_and_leaves_the_rhythm() -> None:
    timeline = fallen_ill("STEMI")
    well, ill = ({id(b.heart): b.heart for b in timeline.beats if (b.at < ONSET) == early} for early in (True, False))
    assert [len(heart.st) for heart in well.values()] == [0]
    assert [len(heart.st) for heart in ill.values()] == [1]
    assert np.allclose(rr(timeline, 0, SECONDS), rr(fallen_ill("STEMI"), 0, SECONDS))
    assert rr(timeline, 0, SECONDS).std() < 0.06


def test_tachycardia_is_fast_fibrillation_never_rests_and_asystole_is_silent() -> None:
    assert rr(fallen_ill("VT"), ONSET, SECONDS).mean() < 60 / 125
    fibrillation = fallen_ill("VF")
    assert fibrillation.wave is not None
    assert fibrillation.wave(np.arange(ONSET, SECONDS, 0.01)).std() > 0.02
    silent = fallen_ill("ASYS")
    assert silent.wave is None
    assert max(at for at, _ in silent.atrial) < ONSET
    for timeline in (fibrillation, silent):
        assert max(beat.at for beat in timeline.beats) < ONSET
    assert min(beat.at for beat in silent.beats) > -LEAD_IN - 2
