"""Time, losses and requests for them, checked by an independent device in simulated time, where every instant is exact.

ACCEPTANCE_LONG=1 plays a day for each drift instead of an hour.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter

import numpy as np
import pytest

from simulated_link import HOST, Boot, Scenario, SimulatedLink, Window

SECOND = 1e6
HOURS = 24 if os.environ.get("ACCEPTANCE_LONG") else 1
FIRST_REQUEST_WITHIN = 0.2 * SECOND
AGAIN_AFTER = 1 * SECOND
MOST_IN_FLIGHT = 4
TICK = 0.05 * SECOND  # the host looks at the time so often, at least

pytestmark = pytest.mark.skipif(
    not HOST.exists() or shutil.which("node") is None, reason="the gateway is not built (npx tsc -p .)"
)


def played(scenario: Scenario, seconds: float) -> SimulatedLink:
    with SimulatedLink(scenario) as simulated:
        return simulated.run(seconds * SECOND)


def check_windows(simulated: SimulatedLink, boot: Boot, windows: list[Window]) -> None:
    """Numbered without a gap, times within what is stated for them, missing samples exact."""
    assert [window.index for window in windows] == list(range(len(windows)))
    off = np.array([abs(window.at - simulated.taken_at(boot, window.first)) for window in windows])
    stated = np.array([window.uncertainty for window in windows])
    assert np.mean(off <= stated) >= 0.95, "a 95 % interval"
    assert np.max(stated[len(stated) // 4 :]) < 15_000, "with exchanges of 3 ms, time is known to some milliseconds"
    print(f"{len(off)} windows: at most {off.max():.0f} µs off, {stated.min():.0f} to {stated.max():.0f} µs stated")
    for window in windows:
        assert window.missing == boot.missing(window.first, window.count, window.emitted), window


@pytest.mark.parametrize("ppm", [200, -200])
def test_times_stay_within_their_uncertainty_for_hours_of_drift(ppm: int) -> None:
    simulated = played(Scenario(rate=100, block=62, drift_ppm=ppm), HOURS * 3600)
    assert len(simulated.windows) > HOURS * 3600 / 5 - 10
    assert simulated.counters["missingSamples"] == simulated.counters["badFrames"] == 0
    check_windows(simulated, simulated.boot, simulated.windows)


def test_times_stay_within_their_uncertainty_after_a_reboot() -> None:
    simulated = played(Scenario(rate=100, block=20, drift_ppm=-200, reboots=(61 * 10**6, 122 * 10**6)), 180)
    assert simulated.counters["reboots"] == 2 and len(simulated.boots) == 3
    for boot in simulated.boots:
        own = [window for window in simulated.windows if window.boot == boot.id]
        assert len(own) > 8
        check_windows(simulated, boot, own)


def gaps_seen(boot: Boot) -> list[tuple[float, int, int]]:
    """When the host could see that samples were skipped, the first of them, and one past the last."""
    gaps, newest = [], boot.arrivals[0][1]
    for at, first, count in boot.arrivals:
        if first > newest:
            gaps.append((at, newest, first))
        newest = max(newest, first + count)
    return gaps


def check_requests(simulated: SimulatedLink) -> None:
    boot, requests = simulated.boot, simulated.requests
    gaps = gaps_seen(boot)
    missed = {sample: at for at, first, end in gaps for sample in range(first, end)}
    asked: dict[int, list[float]] = {}
    for request in requests:
        assert request.first >= boot.sent_to - simulated.scenario.retain - 10_000
        for sample in range(request.first, request.end):
            if sample in missed and boot.missing(sample, 1, request.at):
                asked.setdefault(sample, []).append(request.at)
    times = Counter(len(at) for at in asked.values())
    assert set(times) <= {1, 2}, f"a missing sample is asked for twice at most: {times}"
    assert all(b - a >= AGAIN_AFTER for a, b in (at for at in asked.values() if len(at) == 2))
    said = np.array([request.at for request in requests])
    late = [(at[0], missed[sample]) for sample, at in asked.items() if at[0] - missed[sample] > FIRST_REQUEST_WITHIN]
    for first_asked, _ in late:
        before = np.sum((said > first_asked - AGAIN_AFTER - TICK) & (said < first_asked))
        assert before >= MOST_IN_FLIGHT, "a request may wait only for room among the four in flight"
    print(f"{len(gaps)} gaps, {len(requests)} requests, {len(late)} of {len(asked)} samples waited for room")


def test_a_fifth_of_all_frames_lost_each_way_is_accounted_for_and_asked_for_within_the_limits() -> None:
    simulated = played(Scenario(loss=0.2), 30)
    check_windows(simulated, simulated.boot, simulated.windows)
    check_requests(simulated)
    lost = sum(end - first for _, first, end in gaps_seen(simulated.boot))
    assert lost > 2000 and simulated.counters["missingSamples"] < lost / 5, "most of it comes back"


def test_a_device_that_withholds_what_it_promised_has_four_requests_in_flight_at_most() -> None:
    simulated = played(Scenario(loss=0.2, withhold=True), 20)
    check_windows(simulated, simulated.boot, simulated.windows)
    check_requests(simulated)
    said = np.array([request.at for request in simulated.requests])
    in_flight = [int(np.sum((said > at - AGAIN_AFTER) & (said <= at))) for at in said]
    assert max(in_flight) == MOST_IN_FLIGHT


def test_what_the_device_lost_is_not_asked_for_again() -> None:
    simulated = played(Scenario(loss=0.2, keeps=50), 30)
    check_windows(simulated, simulated.boot, simulated.windows)
    lost = simulated.boot.lost
    assert len(lost) > 5
    for at, first, count in lost:
        for request in simulated.requests:
            assert request.at <= at or request.end <= first or first + count <= request.first
