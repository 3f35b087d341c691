"""From whatever leads a file holds to the eight independent ones, at one rate, in windows of one length."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from ecgclip.data.records import Floats
from ecgclip.leads import DERIVATION, INDEPENDENT, LEADS

LIMB = LEADS[:6]
# Names that mean a lead of the standard twelve: the modified leads of ambulatory and bedside recorders.
SYNONYMS = {"MLI": "I", "MLII": "II", "MLIII": "III", "MCL1": "V1", "MCL": "V1", "V": "V1"} | {
    f"MV{k}": f"V{k}" for k in "123456"
}
CONTRADICTION = 0.5  # of the limb leads' RMS; leads that a device derives agree to its least significant bit
MOST_MISSING = 0.1  # of a window; a lead that lacks more is absent from it
SHORTEST = 0.5  # of a window; what is shorter is no record


def standard_name(name: str) -> str:
    """`LEADS`' spelling of a lead's name; the name itself where it is none of them."""
    plain = name.strip().upper()
    plain = SYNONYMS.get(plain, plain)
    return {lead.upper(): lead for lead in LEADS}.get(plain, name)


def eight_leads(names: Sequence[str], signal: npt.NDArray[np.floating]) -> Floats:
    """[8, n] from [leads, n] of these names; NaN where a lead can neither be found nor derived.

    Two limb leads of any kind give I and II (Einthoven, Goldberger). Leads that contradict each other are refused: a
    collection whose aVL and aVF stand in another order than its reader thinks is not seen in any other way.
    """
    rows = {standard_name(name): row for name, row in zip(names, signal, strict=True)}
    out = np.full((len(INDEPENDENT), signal.shape[1]), np.nan, np.float32)
    for k, lead in enumerate(INDEPENDENT):
        if lead in rows:
            out[k] = rows[lead]
    limb = [lead for lead in LIMB if lead in rows]
    matrix = DERIVATION[[LEADS.index(lead) for lead in limb], :2]
    if len(limb) < 2:
        return out
    given = np.stack([rows[lead] for lead in limb])
    # From two of them, so that the others can tell: what fits all of them best hides a contradiction.
    for k, derived in enumerate(np.linalg.inv(matrix[:2]) @ given[:2]):
        if INDEPENDENT[k] not in rows:
            out[k] = derived
    if len(limb) > 2:
        _check_agreement(given, matrix @ out[:2])
    return out


def _check_agreement(given: npt.NDArray[np.floating], derived: npt.NDArray[np.floating]) -> None:
    def rms(x: npt.NDArray[np.floating]) -> float:
        return float(np.sqrt(np.nanmean(np.square(x - np.nanmean(x, axis=1, keepdims=True)))))

    if rms(given - derived) > CONTRADICTION * rms(given):
        raise ValueError("its limb leads contradict each other (III = II - I and so on): are they in another order?")


def windows(
    eight: Floats, rate: float, wanted: int, samples: int, hop: int | None = None
) -> list[tuple[float, Floats]]:
    """[(start in seconds, [8, samples] at `wanted` Hz)] every `hop` samples; one for a recording of about that length.

    Gaps are bridged by a straight line and the filter takes the edges to go on, as the gateway does. A recording
    shorter than the window stands at its beginning and is followed by nothing.
    """
    there = np.isfinite(eight)
    ratio = round(wanted * 1000), round(rate * 1000)
    divisor = math.gcd(*ratio)
    lines = np.full((len(eight), math.ceil(eight.shape[1] * ratio[0] / ratio[1])), np.nan, np.float32)
    for k in np.flatnonzero(there.any(axis=1)):
        time = np.arange(eight.shape[1])
        bridged = np.interp(time, time[there[k]], eight[k, there[k]])
        lines[k] = resample_poly(bridged, ratio[0] // divisor, ratio[1] // divisor, padtype="edge")
    if lines.shape[1] < SHORTEST * samples:
        raise ValueError(f"{lines.shape[1] / wanted:.1f} s are less than half a window")
    if (short := samples - lines.shape[1]) > 0:
        lines = np.pad(lines - np.nanmean(lines, axis=1, keepdims=True), ((0, 0), (0, short)))
        lines[~there.any(axis=1)] = np.nan
    out = []
    for start in range(0, lines.shape[1] - samples + 1, hop or samples):
        window = lines[:, start : start + samples].copy()
        part = there[:, round(start * rate / wanted) : round((start + samples) * rate / wanted)]
        window[part.mean(axis=1) < 1 - MOST_MISSING] = np.nan
        if not np.isnan(window).all():
            out.append((start / wanted, window))
    return out
