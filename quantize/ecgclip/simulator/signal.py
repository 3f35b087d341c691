"""What electrodes see of a timeline, and what they add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import butter, sosfilt

from ecgclip.augment import DOWER
from ecgclip.simulator.dipole import Plateau, Pulse
from ecgclip.simulator.heart import Generator
from ecgclip.simulator.rhythms import Array, Timeline

LEADS = len(DOWER)
OWN_FIELD = 0.12  # share by which a body's lead field differs from Dower's
OWN_PULSE = 0.08  # share by which a pulse differs from a dipole, since no heart is one


@dataclass(frozen=True)
class Electrodes:
    """Noise of one recording, mV; each lead has its own."""

    wander: float
    muscle: float
    mains: float
    motion: float
    highpass_hz: float  # of the device; 0: none


def draw_electrodes(rng: Generator) -> Electrodes:
    """From a quiet laboratory to an ambulance."""
    return Electrodes(
        wander=float(rng.gamma(1.5, 0.05)),
        muscle=float(rng.gamma(1.5, 0.006)),
        mains=float(rng.exponential(0.002)),
        motion=float(rng.exponential(0.10)) if rng.random() < 0.15 else 0.0,
        highpass_hz=float(rng.choice([0.0, 0.05, 0.05, 0.15, 0.5])),
    )


def lead_signals(timeline: Timeline, rate: int, electrodes: Electrodes, rng: Generator, motion: Array) -> Array:
    """[8, samples] mV."""
    time = np.arange(round(timeline.seconds * rate)) / rate
    clean = _heart_signals(timeline, time, rate, rng)
    if electrodes.highpass_hz:
        sections = butter(1, electrodes.highpass_hz, "highpass", fs=rate, output="sos")
        clean = np.asarray(sosfilt(sections, clean - clean[:, :1], axis=1))
    return clean + _noise(time, electrodes, rng, motion)


def _heart_signals(timeline: Timeline, time: Array, rate: int, rng: Generator) -> Array:
    lead_field = DOWER * (1 + OWN_FIELD * rng.standard_normal(DOWER.shape)) + 0.02 * rng.standard_normal(DOWER.shape)
    breath_hz, breath_phase, depth = rng.uniform(0.15, 0.35), rng.uniform(0, 6.28), rng.uniform(0, 0.06)
    own: dict[int, Array] = {}

    def leads(part: Pulse | Plateau) -> Array:
        if id(part) not in own:
            own[id(part)] = lead_field @ part.vector * (1 + OWN_PULSE * rng.standard_normal(LEADS))
        return own[id(part)]

    # (middle, width, gain, part) of each pulse, (start, end, gain, part) of each plateau, s
    pulses: list[tuple[float, float, float, Pulse]] = []
    levels: list[tuple[float, float, float, Plateau]] = []
    for at, p in timeline.atrial:
        pulses += [(at + pulse.at, pulse.width, 1.0, pulse) for pulse in p]
    for beat in timeline.beats:
        gain = 1 + 0.02 * rng.standard_normal() + depth * np.sin(2 * np.pi * breath_hz * beat.at + breath_phase)
        stretch = np.sqrt(np.clip(beat.rr, 0.3, 1.3)) * beat.heart.qt
        pulses += [(beat.at + pulse.at, pulse.width, gain, pulse) for pulse in beat.heart.qrs]
        pulses += [(beat.at + pulse.at * stretch, pulse.width * stretch, gain, pulse) for pulse in beat.heart.t]
        levels += [(beat.at + level.start, beat.at + level.end * stretch, gain, level) for level in beat.heart.st]

    out = np.zeros((LEADS, len(time)))
    smallest = 0.4 / rate  # what the device's filter before sampling leaves of a point in time
    if pulses:
        middle, width, gains, parts = _columns(pulses)
        wide = np.sqrt(width**2 + smallest**2)
        x = ((time - middle[:, None]) / wide[:, None]).astype(np.float32)
        shapes = np.exp(-0.5 * x * x) * (width / wide * gains)[:, None]
        out += np.stack([leads(part) for part in parts], axis=1) @ shapes
    if levels:
        start, end, gains, parts = _columns(levels)
        rise = 1 / (1 + np.exp(np.clip((start[:, None] - time) / 0.007, -50, 50)))
        fall = 1 / (1 + np.exp(np.clip((time - end[:, None]) / 0.022, -50, 50)))
        out += np.stack([leads(part) for part in parts], axis=1) @ (rise * fall * gains[:, None])
    if timeline.wave:
        out += lead_field @ timeline.wave(time)
    return out


def _columns(rows: Sequence[tuple[float, float, float, Any]]) -> tuple[Array, Array, Array, list[Any]]:
    numbers = np.array([row[:3] for row in rows])
    return numbers[:, 0], numbers[:, 1], numbers[:, 2], [row[3] for row in rows]


def _noise(time: Array, electrodes: Electrodes, rng: Generator, motion: Array) -> Array:
    shape = (LEADS, len(time))
    hz = np.array([0.05, 0.12, 0.22, 0.35])[:, None] * rng.uniform(0.8, 1.2, (4, 1))
    sines = np.sin(2 * np.pi * hz * time + rng.uniform(0, 6.28, (4, 1)))
    wander = rng.normal(0, 0.5, (LEADS, 4)) @ sines
    muscle = rng.standard_normal(shape)
    muscle = muscle * (1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * time + rng.uniform(0, 6.28)))
    mains = np.outer(rng.uniform(0, 1, LEADS), np.sin(2 * np.pi * 50 * time + rng.uniform(0, 6.28)))
    out = electrodes.wander * wander + electrodes.muscle * muscle + electrodes.mains * mains
    if electrodes.motion and motion.size:
        starts = rng.integers(0, motion.shape[1] - len(time), LEADS)
        rows = rng.integers(0, len(motion), LEADS)
        bursts = np.stack([motion[row, start : start + len(time)] for row, start in zip(rows, starts, strict=True)])
        out += electrodes.motion * rng.uniform(0, 1, (LEADS, 1)) * (bursts - bursts.mean(axis=1, keepdims=True))
    return np.asarray(out)
