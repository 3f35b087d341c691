"""A small 12-lead ECG simulator: a moving dipole seen through Dower's transform.

Three questions, three parts, so that a diagnosis is a choice for each: *when* do the chambers beat (`Rhythm`),
*what* does one beat look like as a sum of Gaussian pulses of the dipole (`Beat`), and *what* do electrodes and body
add (`Noise`). The dipole has axes X left, Y down, Z back, in millivolts; everything is a function of time, so any
sampling rate will do. Seeded, NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ecgclip.augment import DOWER
from ecgclip.leads import DERIVATION

Array = npt.NDArray[np.float64]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Pulse:
    """A Gaussian pulse of the dipole around the R peak (or, for repolarisation, stretched with the QT interval)."""

    at: float  # s after the R peak
    width: float  # s, standard deviation
    vector: Vector  # mV
    stretches: bool = False  # time and width scale with the square root of the RR interval (Bazett)


@dataclass(frozen=True)
class Plateau:
    """A level between two sigmoid edges: the ST segment of an injury current."""

    start: float
    end: float
    vector: Vector


@dataclass(frozen=True)
class Beat:
    """One heart beat; `atrial` goes with the P wave."""

    atrial: tuple[Pulse, ...]
    ventricular: tuple[Pulse, ...]
    injury: tuple[Plateau, ...] = ()


NORMAL_BEAT = Beat(
    atrial=(Pulse(-0.175, 0.018, (0.03, 0.05, -0.05)), Pulse(-0.145, 0.020, (0.07, 0.09, 0.03))),
    ventricular=(
        Pulse(-0.026, 0.008, (-0.12, -0.05, -0.22)),  # septum: to the right and forward
        Pulse(-0.008, 0.010, (0.75, 0.55, -0.10)),  # apex
        Pulse(0.010, 0.011, (0.70, 0.45, 0.55)),  # free wall: to the left and back
        Pulse(0.032, 0.010, (-0.10, -0.12, 0.28)),  # base
        Pulse(0.250, 0.050, (0.13, 0.10, -0.10), stretches=True),
        Pulse(0.300, 0.032, (0.20, 0.16, -0.14), stretches=True),
    ),
)

# Fibrillating hearts are seldom otherwise healthy: repolarisation is flat and the axis turned to the left and back.
AGED_BEAT = Beat(
    atrial=NORMAL_BEAT.atrial,
    ventricular=(
        Pulse(-0.026, 0.008, (-0.06, -0.03, -0.14)),
        Pulse(-0.006, 0.012, (0.70, 0.10, 0.10)),
        Pulse(0.014, 0.013, (0.55, -0.05, 0.55)),
        Pulse(0.038, 0.011, (-0.12, -0.10, 0.22)),
        Pulse(0.150, 0.060, (-0.05, -0.03, 0.02), stretches=True),
        Pulse(0.280, 0.045, (0.04, 0.04, -0.07), stretches=True),
    ),
)

PREMATURE_VENTRICULAR_BEAT = Beat(
    atrial=(),
    ventricular=(
        Pulse(-0.020, 0.030, (-0.55, 0.95, 0.35)),
        Pulse(0.040, 0.028, (-0.75, 1.25, 0.70)),
        Pulse(0.300, 0.070, (0.55, -0.75, -0.45)),
    ),
)

# Injury currents point at the injured wall.
INFERIOR_INJURY = Plateau(0.040, 0.330, (-0.10, 0.25, 0.02))
ANTERIOR_INJURY = Plateau(0.040, 0.330, (0.12, 0.00, -0.25))


@dataclass(frozen=True)
class Rhythm:
    """Timing of one stretch: when the ventricles beat, and what the atria do meanwhile."""

    rate: float  # beats per minute
    respiratory: float = 0.03  # RR modulation by breathing, relative
    irregular: float = 0.01  # RR scatter from beat to beat, relative
    fibrillation_mv: float = 0.0  # amplitude of f waves; > 0 also removes P waves
    ectopy: float = 0.0  # share of beats that are premature and ventricular


SINUS = Rhythm(rate=72)
ATRIAL_FIBRILLATION = Rhythm(rate=108, respiratory=0.0, irregular=0.27, fibrillation_mv=0.06)
FREQUENT_PVCS = Rhythm(rate=74, ectopy=0.2)


@dataclass(frozen=True)
class Noise:
    """What does not come from the heart, mV; each lead has its own."""

    wander: float = 0.08  # breathing and electrodes, below 0.5 Hz
    muscle: float = 0.010  # white, standard deviation
    mains: float = 0.003  # amplitude
    mains_hz: float = 50.0


QUIET = Noise(wander=0.0, muscle=0.0, mains=0.0)


@dataclass(frozen=True)
class Segment:
    """A stretch of one condition."""

    seconds: float
    rhythm: Rhythm = SINUS
    beat: Beat = NORMAL_BEAT


@dataclass(frozen=True)
class Simulation:
    """Signals and the truth behind them."""

    rate: float
    signal: Array  # [12, samples] mV, standard order
    r_peaks: Array  # s
    premature: npt.NDArray[np.bool_]  # of each beat


def simulate(segments: list[Segment], rate: float, seed: int, noise: Noise | None = None) -> Simulation:
    """Play the segments one after the other."""
    rng = np.random.default_rng(seed)
    noise = noise or Noise()
    starts = np.cumsum([0.0, *(segment.seconds for segment in segments)])
    time = np.arange(round(starts[-1] * rate)) / rate
    dipole = np.zeros((3, len(time)))
    breathing = rng.uniform(0.2, 0.3)
    peaks: list[float] = []
    premature: list[bool] = []
    previous = starts[0] - rng.uniform(0.1, 0.5)
    for start, end, segment in zip(starts, starts[1:], segments, strict=False):
        for interval, early in _intervals(segment.rhythm, breathing, rng):
            peak = max(previous + interval, start)
            if peak >= end:
                break
            rr = peak - previous
            beat = PREMATURE_VENTRICULAR_BEAT if early else _vary(segment.beat, rng)
            with_atria = segment.rhythm.fibrillation_mv == 0 and not early
            _add_beat(dipole, time, peak, rr, beat, with_atria=with_atria)
            peaks.append(peak)
            premature.append(early)
            previous = peak
        if segment.rhythm.fibrillation_mv:
            inside = (time >= start) & (time < end)
            dipole[:, inside] += _fibrillation(time[inside], segment.rhythm.fibrillation_mv, rng)
    independent = DOWER @ dipole + _noise(time, noise, rng)
    return Simulation(rate, DERIVATION @ independent, np.array(peaks), np.array(premature, dtype=bool))


def _intervals(rhythm: Rhythm, breathing_hz: float, rng: np.random.Generator) -> Iterator[tuple[float, bool]]:
    """RR intervals without end: seconds since the beat before, and whether the beat is premature."""
    clock, pause = 0.0, False
    while True:
        early = not pause and bool(rng.random() < rhythm.ectopy)
        wave = rhythm.respiratory * np.sin(2 * np.pi * breathing_hz * clock)
        interval = 60 / rhythm.rate * (1 + wave) * float(np.exp(rhythm.irregular * rng.standard_normal()))
        if early:
            interval *= 0.6
        elif pause:
            interval *= 1.4  # compensatory: the sinus node keeps its time
        interval = max(interval, 0.3)  # the AV node's refractory period
        clock, pause = clock + interval, early
        yield interval, early


def _vary(beat: Beat, rng: np.random.Generator) -> Beat:
    """No two beats are alike: 3 % in amplitude."""
    gain = 1 + 0.03 * rng.standard_normal()
    scaled = tuple(
        replace(p, vector=(p.vector[0] * gain, p.vector[1] * gain, p.vector[2] * gain)) for p in beat.ventricular
    )
    return replace(beat, ventricular=scaled)


def _add_beat(dipole: Array, time: Array, peak: float, rr: float, beat: Beat, *, with_atria: bool) -> None:
    stretch = np.sqrt(min(rr, 1.2))
    near = slice(*np.searchsorted(time, [peak - 0.4, peak + 0.8]))
    t = time[near] - peak
    for pulse in (beat.atrial if with_atria else ()) + beat.ventricular:
        at, width = (pulse.at * stretch, pulse.width * stretch) if pulse.stretches else (pulse.at, pulse.width)
        dipole[:, near] += np.outer(pulse.vector, np.exp(-0.5 * ((t - at) / width) ** 2))
    for level in beat.injury:
        rise = 1 / (1 + np.exp(-(t - level.start) / 0.006))
        fall = 1 / (1 + np.exp((t - level.end * stretch) / 0.025))
        dipole[:, near] += np.outer(level.vector, rise * fall)


def _fibrillation(time: Array, amplitude: float, rng: np.random.Generator) -> Array:
    """F waves: a drifting 5-7-Hz saw-tooth, largest towards V1 and the inferior leads."""
    t = time - time[0]
    phase = 2 * np.pi * rng.uniform(5.0, 7.0) * t + 2.0 * np.sin(2 * np.pi * rng.uniform(0.1, 0.3) * t)
    swell = 1 + 0.35 * np.sin(2 * np.pi * rng.uniform(0.2, 0.5) * t + rng.uniform(0, 6))
    wave = np.sin(phase) + np.sin(2 * phase) / 2 + np.sin(3 * phase) / 3
    second = np.sin(0.83 * phase + 1.0)
    dipole = np.outer((-0.3, 0.6, -0.8), wave) + np.outer((0.2, 0.3, 0.3), second)
    return np.asarray(amplitude * swell * dipole)


def _noise(time: Array, noise: Noise, rng: np.random.Generator) -> Array:
    shape = (8, len(time))
    wander = np.zeros(shape)
    for hz in (0.07, 0.15, 0.27):
        phase = rng.uniform(0, 2 * np.pi, (8, 1))
        wander += rng.uniform(0.2, 0.6, (8, 1)) * np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * time + phase)
    mains = np.sin(2 * np.pi * noise.mains_hz * time + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.3, 1.0, (8, 1))
    return noise.wander * wander + noise.muscle * rng.standard_normal(shape) + noise.mains * mains


def with_injury(injury: Plateau) -> Beat:
    """The normal beat with an injury current."""
    return replace(NORMAL_BEAT, injury=(injury,))


CONDITIONS: dict[str, Callable[[], Segment]] = {
    "sinus": lambda: Segment(10),
    "sinus, fast": lambda: Segment(10, replace(SINUS, rate=125)),
    "sinus, slow": lambda: Segment(10, replace(SINUS, rate=46)),
    "atrial fibrillation": lambda: Segment(10, ATRIAL_FIBRILLATION),
    "premature ventricular beats": lambda: Segment(10, FREQUENT_PVCS),
    "inferior injury": lambda: Segment(10, SINUS, with_injury(INFERIOR_INJURY)),
    "anterior injury": lambda: Segment(10, SINUS, with_injury(ANTERIOR_INJURY)),
}
