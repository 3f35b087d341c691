"""A patient in sinus rhythm who falls ill at a known time."""

from __future__ import annotations

from dataclasses import replace

from ecgclip.simulator import conditions
from ecgclip.simulator.heart import Generator, Heart
from ecgclip.simulator.rhythms import RHYTHMS, Array, Timeline

ONSETS = ("AFIB", "STEMI", "VT", "VF", "ASYS")


def with_onset(heart: Heart, rng: Generator, task: str, seconds: float, onset: float) -> Timeline:
    """Sinus rhythm until `onset` (s), then the condition until the end.

    Fresh infarction changes the beats that follow, not when they come; asystole has neither beats nor P waves.
    """
    sinus = RHYTHMS["SR"](heart, rng, seconds)
    before = Timeline(
        seconds,
        sinus.rate,
        [event for event in sinus.atrial if event[0] < onset],
        [beat for beat in sinus.beats if beat.at < onset],
    )
    if task == "STEMI":
        injured = replace(heart, qrs=list(heart.qrs), st=list(heart.st))
        wall = conditions.WALLS[int(rng.integers(len(conditions.WALLS)))]
        conditions.infarction(injured, rng, wall, acute=True)
        after = [beat if beat.at < onset else replace(beat, heart=injured) for beat in sinus.beats]
        return replace(sinus, beats=after)
    if task == "ASYS":
        return before
    return _followed_by(before, RHYTHMS[task](heart, rng, seconds - onset), onset)


def _followed_by(before: Timeline, then: Timeline, onset: float) -> Timeline:
    """One rhythm after the other; what never pauses in the second starts with it."""
    wave = then.wave

    def late(time: Array) -> Array:
        assert wave is not None
        dipole = wave(time - onset)
        dipole[:, time < onset] = 0
        return dipole

    return Timeline(
        before.seconds,
        then.rate,
        before.atrial + [(at + onset, p) for at, p in then.atrial if at >= 0],
        before.beats + [replace(beat, at=beat.at + onset) for beat in then.beats if beat.at >= 0],
        late if wave else None,
    )
