"""One patient's heart as pulses of a dipole (X left, Y down, Z back; mV), and how patients differ."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from ecgclip.simulator.dipole import NORMAL_BEAT, Plateau, Pulse, Vector

Generator = np.random.Generator


@dataclass
class Heart:
    """What one beat looks like; conditions change it in place.

    Times of `p` count from the middle of the P wave, all others from the R peak. `t` and the end of `st` stretch with
    the square root of the RR interval (Bazett) and with `qt`.
    """

    p: list[Pulse]
    qrs: list[Pulse]
    t: list[Pulse]
    st: list[Plateau] = field(default_factory=list)
    pr: float = 0.16  # s, middle of the P wave to the R peak
    qt: float = 1.0  # 1: normal


def normal_heart(rng: Generator, age: float) -> Heart:
    """A healthy heart of this age: axes turn to the left and T waves flatten over the years."""
    middle = -0.16
    p = [replace(pulse, at=pulse.at - middle) for pulse in NORMAL_BEAT.atrial]
    qrs, t = list(NORMAL_BEAT.ventricular[:4]), list(NORMAL_BEAT.ventricular[4:])
    heart = Heart(p, qrs, t, pr=rng.uniform(0.12, 0.175), qt=float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.1)))
    heart.p = spread(rng, scaled(heart.p, log_normal(rng, 0.3)), 12)
    heart.qrs = spread(rng, scaled(heart.qrs, log_normal(rng, 0.25)), 10)
    heart.t = spread(rng, scaled(heart.t, log_normal(rng, 0.35) * (1.15 - age / 250)), 8)
    frontal = rng.normal(15 - 0.7 * (age - 40), 22)
    heart.qrs = turned(heart.qrs, frontal=frontal, horizontal=rng.normal(0, 14))
    heart.t = turned(heart.t, frontal=0.4 * frontal + rng.normal(0, 8), horizontal=rng.normal(0, 15))
    width = rng.uniform(0.85, 1.15)
    heart.qrs = [replace(pulse, at=pulse.at * width, width=pulse.width * width) for pulse in heart.qrs]
    return heart


def log_normal(rng: Generator, spread: float) -> float:
    """A factor around 1."""
    return float(np.exp(spread * rng.standard_normal()))


def scaled(pulses: list[Pulse], by: float) -> list[Pulse]:
    """The same pulses, higher or lower."""
    return [replace(pulse, vector=_times(pulse.vector, by)) for pulse in pulses]


def stretched(pulses: list[Pulse], by: float) -> list[Pulse]:
    """The same pulses, slower or faster."""
    return [replace(pulse, at=pulse.at * by, width=pulse.width * by) for pulse in pulses]


def moved(pulses: list[Pulse], by: Vector) -> list[Pulse]:
    """The same pulses with a vector added to each."""
    return [replace(pulse, vector=plus(pulse.vector, by)) for pulse in pulses]


def turned(pulses: list[Pulse], frontal: float = 0.0, horizontal: float = 0.0) -> list[Pulse]:
    """Turn by degrees: `frontal` downwards, as axes are counted, and `horizontal` from the left to the back."""
    return [replace(pulse, vector=_turn(_turn(pulse.vector, 0, 1, frontal), 0, 2, horizontal)) for pulse in pulses]


def spread(rng: Generator, pulses: list[Pulse], percent: float) -> list[Pulse]:
    """Each pulse a little different in time, width and direction."""
    share = percent / 100
    out = []
    for pulse in pulses:
        size = math.hypot(*pulse.vector)
        x, y, z = rng.normal(0, share * size, 3)
        at = pulse.at * (1 + share / 2 * rng.standard_normal())
        width = pulse.width * log_normal(rng, share)
        out.append(replace(pulse, at=at, width=width, vector=plus(pulse.vector, (x, y, z))))
    return out


def plus(a: Vector, b: Vector) -> Vector:
    """Sum of two vectors."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _times(a: Vector, by: float) -> Vector:
    return (a[0] * by, a[1] * by, a[2] * by)


def _turn(vector: Vector, a: int, b: int, degrees: float) -> Vector:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    out = list(vector)
    out[a], out[b] = cos * vector[a] - sin * vector[b], sin * vector[a] + cos * vector[b]
    return (out[0], out[1], out[2])
