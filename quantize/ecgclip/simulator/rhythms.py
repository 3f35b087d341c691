"""When the chambers beat: each rhythm by its timing rules, ectopy on top of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ecgclip.simulator.conditions import paced_heart, ventricular_heart
from ecgclip.simulator.dipole import Pulse
from ecgclip.simulator.heart import Generator, Heart, scaled, turned

Array = npt.NDArray[np.float64]
LEAD_IN = 1.2  # s before and behind the window, so that waves of the beats there reach into it


@dataclass(frozen=True)
class Beat:
    """One ventricular beat."""

    at: float  # s, R peak
    rr: float  # s since the beat before
    heart: Heart


@dataclass
class Timeline:
    """All that happens in `seconds`, in any order."""

    seconds: float
    rate: float = 0.0  # ventricular, 1/min
    atrial: list[tuple[float, list[Pulse]]] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    wave: Callable[[Array], Array] | None = None  # s -> dipole [3, n] mV that never pauses: flutter, fibrillation

    def add(self, at: float, rr: float, heart: Heart, *, p: bool = True) -> None:
        """A conducted beat, or one without its P wave."""
        self.beats.append(Beat(at, rr, heart))
        if p and heart.p:
            self.atrial.append((at - heart.pr, heart.p))


def _intervals(rng: Generator, seconds: float, rate: float, irregular: float, breathing: float = 0.0) -> Array:
    """Times from before the window until behind it."""
    hz, phase = rng.uniform(0.15, 0.3), rng.uniform(0, 2 * np.pi)
    times = [-LEAD_IN - rng.uniform(0, 60 / rate)]
    while times[-1] < seconds + LEAD_IN:
        wave = 1 + breathing * np.sin(2 * np.pi * hz * times[-1] + phase)
        times.append(times[-1] + max(0.24, 60 / rate * wave * float(np.exp(irregular * rng.standard_normal()))))
    return np.array(times)


def _regular(
    rng: Generator, heart: Heart, seconds: float, rate: float, irregular: float, breathing: float, *, p: bool = True
) -> Timeline:
    times = _intervals(rng, seconds, rate, irregular, breathing)
    timeline = Timeline(seconds, rate)
    for before, at in itertools.pairwise(times):
        timeline.add(at, at - before, heart, p=p)
    return timeline


def _sinus(slow: float, fast: float, breathing: tuple[float, float] = (0.0, 0.05)) -> Rhythm:
    def rhythm(heart: Heart, rng: Generator, seconds: float) -> Timeline:
        return _regular(rng, heart, seconds, rng.uniform(slow, fast), 0.008, rng.uniform(*breathing))

    return rhythm


def _atrial_fibrillation(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """Irregularly irregular; f waves of 4-9 Hz from coarse to invisible, largest in V1."""
    rate = float(np.clip(rng.normal(92, 26), 42, 180))
    timeline = _regular(rng, heart, seconds, rate, rng.uniform(0.15, 0.30), 0.0, p=False)
    size = rng.uniform(0.0, 0.07)
    hz, drift, swell = rng.uniform(4.5, 8.5), rng.uniform(0.1, 0.4), rng.uniform(0.2, 0.6)
    a, b = rng.normal((-0.3, 0.5, -0.8), 0.25), rng.normal((0.2, 0.3, 0.3), 0.25)

    def wave(time: Array) -> Array:
        phase = 2 * np.pi * hz * time + 2 * np.sin(2 * np.pi * drift * time)
        envelope = size * (1 + 0.4 * np.sin(2 * np.pi * swell * time))
        f = np.sin(phase) + np.sin(2 * phase + 0.4) / 2 + np.sin(3 * phase) / 3
        return np.asarray(envelope * (np.outer(a, f) + np.outer(b, np.sin(0.83 * phase + 1))))

    timeline.wave = wave
    return timeline


def _atrial_flutter(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """A saw tooth of 240-340 a minute, negative in the inferior leads, conducted 2:1 to 4:1 or in turns."""
    hz = rng.uniform(240, 340) / 60
    ratios = [int(rng.choice([2, 2, 3, 4]))] if rng.random() < 0.7 else [2, 3, 4]
    timeline = Timeline(seconds)
    at = before = -LEAD_IN - rng.uniform(0, 0.5)
    while at < seconds + LEAD_IN:
        at += int(rng.choice(ratios)) / hz
        timeline.add(at + 0.01 * rng.standard_normal(), at - before, heart, p=False)
        before = at
    timeline.rate = 60 * len(timeline.beats) / (seconds + 2 * LEAD_IN)
    size, lean = rng.uniform(0.06, 0.16), rng.choice([-1.0, -1.0, -1.0, 1.0])
    vector = rng.normal((0.1, lean, -0.35), 0.15)

    def wave(time: Array) -> Array:
        phase = 2 * np.pi * hz * time
        return np.asarray(np.outer(size * vector, np.sin(phase) + np.sin(2 * phase) / 2 + np.sin(3 * phase) / 4))

    timeline.wave = wave
    return timeline


def _supraventricular_tachycardia(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """150-220 a minute, regular, P in or behind the QRS."""
    timeline = _regular(rng, heart, seconds, rng.uniform(150, 220), 0.004, 0.0, p=False)
    if rng.random() < 0.5:
        retrograde = scaled(turned(heart.p, frontal=180), 0.8)
        delay = rng.uniform(0.07, 0.13)
        timeline.atrial += [(beat.at + delay, retrograde) for beat in timeline.beats]
    return timeline


def _junctional(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """38-65 a minute, narrow, P absent or upside down just before or behind the QRS."""
    timeline = _regular(rng, heart, seconds, rng.uniform(38, 65), 0.01, 0.0, p=False)
    if rng.random() < 0.4:
        retrograde, delay = turned(heart.p, frontal=180), rng.choice([-0.08, 0.10])
        timeline.atrial += [(beat.at + delay, retrograde) for beat in timeline.beats]
    return timeline


def _dissociated(timeline: Timeline, rng: Generator, p: list[Pulse], rate: float) -> Timeline:
    timeline.atrial += [(at, p) for at in _intervals(rng, timeline.seconds, rate, 0.01)]
    return timeline


def _idioventricular(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    return _regular(rng, ventricular_heart(rng), seconds, rng.uniform(32, 105), 0.02, 0.0, p=False)


def _ventricular_tachycardia(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """130-230 a minute, broad, nearly regular; sometimes the atria go on by themselves."""
    timeline = _regular(rng, ventricular_heart(rng), seconds, rng.uniform(130, 230), 0.012, 0.0, p=False)
    return _dissociated(timeline, rng, heart.p, rng.uniform(65, 110)) if rng.random() < 0.3 else timeline


def _ventricular_fibrillation(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """No beats: waves of 2.5-7 Hz that wander in rate, size and direction; flutter is one of them alone."""
    flutter = rng.random() < 0.25
    count = 1 if flutter else 5
    size = rng.uniform(0.3, 1.1) if flutter else rng.uniform(0.06, 0.45)
    hz = rng.uniform(3.3, 5.0, count) if flutter else rng.uniform(2.5, 7.0, count)
    drift, swell, phases = rng.uniform(0.1, 0.9, count), rng.uniform(0.1, 0.7, count), rng.uniform(0, 6.28, count)
    vectors = rng.normal(0, 1, (3, count))

    def wave(time: Array) -> Array:
        wander = (0.3 if flutter else 2.5) * np.sin(2 * np.pi * drift[:, None] * time + phases[:, None])
        phase = 2 * np.pi * hz[:, None] * time + wander
        envelope = 1 + (0.1 if flutter else 0.7) * np.sin(2 * np.pi * swell[:, None] * time + phases[::-1, None])
        return np.asarray(size * vectors @ (envelope * (np.sin(phase) + 0.25 * np.sin(2 * phase))) / np.sqrt(count))

    return Timeline(seconds, 0.0, wave=wave)


def _asystole(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """Nothing, P waves alone, or a last beat and then nothing for more than 4 s."""
    timeline = Timeline(seconds)
    kind = rng.random()
    if kind < 0.2:
        return _dissociated(timeline, rng, heart.p, rng.uniform(50, 100))
    if kind < 0.6:
        last = rng.uniform(0.5, seconds - 4.5)
        rr = 60 / rng.uniform(30, 90)
        for at in np.arange(last, -LEAD_IN, -rr):
            timeline.add(float(at), rr, heart)
    return timeline


def _second_degree_block(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """Wenckebach (PR grows until a beat fails), Mobitz II (a beat fails without warning), or 2:1."""
    kind = rng.choice(["wenckebach", "mobitz", "2:1"])
    cycle = {"wenckebach": int(rng.integers(3, 6)), "mobitz": int(rng.integers(3, 6)), "2:1": 2}[kind]
    growth = rng.uniform(0.03, 0.07) if kind == "wenckebach" else 0.0
    times = _intervals(rng, seconds, rng.uniform(65, 105), 0.01)
    timeline = Timeline(seconds)
    before = times[0] - 1.0
    start = int(rng.integers(cycle))
    for k, p_at in enumerate(times):
        timeline.atrial.append((p_at, heart.p))
        if (place := (k + start) % cycle) < cycle - 1:
            at = p_at + heart.pr + growth * place
            timeline.add(at, at - before, heart, p=False)
            before = at
    timeline.rate = 60 * len(timeline.beats) / (seconds + 2 * LEAD_IN)
    return timeline


def _complete_block(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """Atria at 60-105, ventricles by themselves at 26-48."""
    escape = ventricular_heart(rng) if rng.random() < 0.6 else heart
    timeline = _regular(rng, escape, seconds, rng.uniform(26, 48), 0.01, 0.0, p=False)
    return _dissociated(timeline, rng, heart.p, rng.uniform(60, 105))


def _paced(heart: Heart, rng: Generator, seconds: float) -> Timeline:
    """Ventricles paced, behind a sensed P, behind a paced one, or with the atria fibrillating."""
    paced = paced_heart(rng)
    timeline = _regular(rng, paced, seconds, rng.uniform(55, 95), 0.001, 0.0, p=False)
    kind = rng.random()
    if kind < 0.7:
        spike = [Pulse(-0.05, 0.0015, (0.5, 0.5, 0.2))] if kind < 0.3 else []
        timeline.atrial += [(beat.at - 0.20, [*spike, *heart.p]) for beat in timeline.beats]
    return timeline


Rhythm = Callable[[Heart, Generator, float], Timeline]

RHYTHMS: dict[str, Rhythm] = {
    "SR": _sinus(60, 99),
    "SARRH": _sinus(52, 85, (0.10, 0.22)),
    "STACH": _sinus(101, 155, (0.0, 0.02)),
    "SBRAD": _sinus(38, 58),
    "AFIB": _atrial_fibrillation,
    "AFLT": _atrial_flutter,
    "SVTAC": _supraventricular_tachycardia,
    "VT": _ventricular_tachycardia,
    "VF": _ventricular_fibrillation,
    "ASYS": _asystole,
    "JUNC": _junctional,
    "IVR": _idioventricular,
    "PACE": _paced,
    "2AVB": _second_degree_block,
    "3AVB": _complete_block,
}
SINUS = ("SR", "SARRH", "STACH", "SBRAD")


def add_ectopy(timeline: Timeline, heart: Heart, rng: Generator, task: str) -> None:
    """Make some beats premature: ventricular ones with a pause that compensates, atrial ones with one that does not."""
    early = ventricular_heart(rng)
    atrial_p = scaled(turned(heart.p, frontal=rng.uniform(-120, 120)), rng.uniform(0.6, 1.3))
    every = int(rng.choice([2, 3, 0, 0, 0]))  # bigeminy, trigeminy, now and then
    share = rng.uniform(0.06, 0.25)
    beats, shift = [], 0.0
    chosen = [(k % every == every - 1) if every else rng.random() < share for k in range(len(timeline.beats))]
    inside = [k for k, beat in enumerate(timeline.beats) if 0.5 < beat.at < timeline.seconds - 1]
    if inside and not any(chosen[k] for k in inside):
        chosen[int(rng.choice(inside))] = True
    before_early = False
    for k, beat in enumerate(timeline.beats):
        if not chosen[k] or before_early:
            beats.append(Beat(beat.at - shift, beat.rr, beat.heart))
            before_early = False
            continue
        lead = beat.rr * rng.uniform(0.25, 0.45)
        at = beat.at - shift - lead
        timeline.atrial = [(t, p) for t, p in timeline.atrial if abs(t - (beat.at - beat.heart.pr)) > 0.02]
        if task == "PVC":
            beats.append(Beat(at, beat.rr - lead, early))
        else:
            beats.append(Beat(at, beat.rr - lead, beat.heart))
            timeline.atrial.append((at + shift - beat.heart.pr * 0.95, atrial_p))
        before_early = True
    timeline.beats = beats
