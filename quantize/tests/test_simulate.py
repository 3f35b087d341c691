"""What the simulator says is measured on its signals by other means than its own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import detrend, find_peaks, welch

from ecgclip.leads import LEADS
from ecgclip.simulator.dipole import (
    ANTERIOR_INJURY,
    ATRIAL_FIBRILLATION,
    FREQUENT_PVCS,
    INFERIOR_INJURY,
    QUIET,
    SINUS,
    Noise,
    Rhythm,
    Segment,
    simulate,
    with_injury,
)

RATE = 500


def lead(simulation, name):
    return simulation.signal[LEADS.index(name)]


def detected_beats(simulation):
    """R peaks by slope energy over all leads, blind to what the simulator noted."""
    energy = (np.diff(simulation.signal, axis=1) ** 2).sum(axis=0)
    energy = np.convolve(energy, np.ones(50), "same")
    peaks, _ = find_peaks(energy, height=energy.max() * 0.15, distance=round(0.25 * RATE))
    return peaks / RATE


@pytest.mark.parametrize("rate", [46, 72, 125])
def test_heart_rate_is_the_one_asked_for(rate):
    beats = detected_beats(simulate([Segment(60, Rhythm(rate=rate))], RATE, seed=1))
    assert 60 / np.diff(beats).mean() == pytest.approx(rate, rel=0.03)


def test_atrial_fibrillation_is_irregular_and_sinus_rhythm_is_not():
    def variation(rhythm):
        intervals = np.diff(detected_beats(simulate([Segment(60, rhythm)], RATE, seed=2)))
        return intervals.std() / intervals.mean()

    assert variation(SINUS) < 0.06
    assert variation(ATRIAL_FIBRILLATION) > 0.15


def before_qrs(simulation, name):
    """Average over beats of the 150 ms that end 100 ms before the R peak, slope removed: the P wave, if any."""
    at = np.round(simulation.r_peaks[2:-2, None] * RATE).astype(int)
    return detrend(lead(simulation, name)[at + np.arange(-125, -50)].mean(axis=0))


def test_atrial_fibrillation_has_f_waves_instead_of_p_waves():
    af = simulate([Segment(90, ATRIAL_FIBRILLATION)], RATE, seed=3, noise=QUIET)
    sinus = simulate([Segment(90)], RATE, seed=3, noise=QUIET)
    assert np.ptp(before_qrs(sinus, "II")) > 0.08
    assert np.ptp(before_qrs(af, "II")) < 0.5 * np.ptp(before_qrs(sinus, "II"))

    still = simulate([Segment(90, replace(ATRIAL_FIBRILLATION, fibrillation_mv=1e-9))], RATE, seed=3, noise=QUIET)
    f_waves = lead(af, "V1") - lead(still, "V1")
    frequencies, power = welch(f_waves, RATE, nperseg=4 * RATE)
    assert 4 < frequencies[power.argmax()] < 9
    assert 0.03 < f_waves.std() < 0.15


def st_level(simulation, name):
    """J + 60 ms against the PR segment, median over beats, mV."""
    x = lead(simulation, name)
    at = np.round(simulation.r_peaks[1:-2] * RATE).astype(int)
    return float(np.median(x[at + round(0.11 * RATE)] - x[at - round(0.07 * RATE)]))


def test_injury_elevates_st_over_its_wall_and_depresses_it_opposite():
    normal = simulate([Segment(20)], RATE, seed=4, noise=QUIET)
    assert abs(st_level(normal, "II")) < 0.06
    inferior = simulate([Segment(20, SINUS, with_injury(INFERIOR_INJURY))], RATE, seed=4, noise=QUIET)
    assert st_level(inferior, "III") > 0.2
    assert st_level(inferior, "aVF") > 0.15
    assert st_level(inferior, "aVL") < -0.1
    anterior = simulate([Segment(20, SINUS, with_injury(ANTERIOR_INJURY))], RATE, seed=4, noise=QUIET)
    assert min(st_level(anterior, name) for name in ("V2", "V3", "V4")) > 0.2


def test_premature_beats_are_early_wide_and_followed_by_a_pause():
    found = simulate([Segment(120, FREQUENT_PVCS)], RATE, seed=5, noise=QUIET)
    share = found.premature.mean()
    assert 0.1 < share < 0.25
    early = np.flatnonzero(found.premature[1:-1]) + 1
    intervals = np.diff(found.r_peaks)
    assert (intervals[early - 1] < 0.75 * np.median(intervals)).all()
    assert (intervals[early] > 1.15 * np.median(intervals)).all()


def test_leads_are_consistent_with_their_definitions():
    x = simulate([Segment(5)], RATE, seed=6).signal
    one, two = x[0], x[1]
    np.testing.assert_allclose(x[2:6], [two - one, -(one + two) / 2, one - two / 2, two - one / 2], atol=1e-12)


def test_mains_and_wander_are_where_they_belong():
    noisy = simulate([Segment(40)], RATE, seed=7, noise=Noise(wander=0.2, muscle=0.0, mains=0.05)).signal[0]
    quiet = simulate([Segment(40)], RATE, seed=7, noise=QUIET).signal[0]
    frequencies, power = welch(noisy - quiet, RATE, nperseg=20 * RATE)
    assert frequencies[power.argmax()] < 0.5
    high = frequencies > 10
    assert frequencies[high][power[high].argmax()] == pytest.approx(50, abs=0.1)


def test_same_seed_same_signal_other_seed_other_signal():
    make = lambda seed: simulate([Segment(10, ATRIAL_FIBRILLATION)], 100, seed).signal  # noqa: E731
    assert (make(1) == make(1)).all()
    assert not np.allclose(make(1), make(2))
