"""A window on ECG paper, 25 mm/s and 10 mm/mV, with what the network's answer rests on behind the traces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from ecgclip.leads import LEADS
from ecgclip.metrics import Array
from ecgclip.report.svg import element, number, picture, text
from ecgclip.saliency.maps import STRIDE

MM_PER_S, MM_PER_MV = 25.0, 10.0
MARGIN_MM, STRIP_MM, GAP_MM = 12.0, 14.0, 3.0
LEAST_ROW_MM = 10.0
LEVELS = (0.25, 0.4, 0.6, 0.8)  # of the largest value: where a darker shade begins


def ecg_sheet(
    window: Array, present: npt.NDArray[np.bool_], rate: int, map_: Array, activation: Array, label: str
) -> Markup:
    """[12, samples] mV; `map_` [12, L] and `activation` [L] as of `saliency`; leads that are not there are left out."""
    leads = np.flatnonzero(present)
    seconds = window.shape[1] / rate
    wide = seconds * MM_PER_S
    shown = (window - np.median(window, axis=1, keepdims=True)) * MM_PER_MV
    above, below = shown.max(axis=1), -shown.min(axis=1)
    centres = [MARGIN_MM + STRIP_MM + GAP_MM + _up(max(above[leads[0]], LEAST_ROW_MM / 2))]
    for upper, lower in pairwise(leads):
        centres.append(centres[-1] + _up(max(below[upper] + above[lower] + 1, LEAST_ROW_MM)))
    bottom = centres[-1] + _up(max(below[leads[-1]], LEAST_ROW_MM / 2))
    step = STRIDE / rate * MM_PER_S
    borders = [(a + b) / 2 for a, b in pairwise(centres)]
    tops = [MARGIN_MM + STRIP_MM + GAP_MM, *borders]
    content = [
        _paper(wide, MARGIN_MM + STRIP_MM + GAP_MM, bottom),
        *_shades(map_[leads], step, tops, [*borders, bottom], wide),
        _strip(activation, step, wide),
    ]
    for lead, centre in zip(leads, centres, strict=True):
        content += [_trace(shown[lead], rate, centre), text(1, centre + 1.5, LEADS[lead], "start", class_="lead")]
    for second in range(int(seconds) + 1):
        content.append(text(MARGIN_MM + second * MM_PER_S, bottom + 4.5, f"{second} s", class_="time"))
    return picture(wide + MARGIN_MM + 4, bottom + 7, label, *content, class_="sheet")


def where_most(map_: Array, present: npt.NDArray[np.bool_], rate: int) -> str:
    """The same in words: leads by what they lost, and the time of the largest cell."""
    totals = np.where(present, np.clip(map_, 0, None).sum(axis=1), 0)
    if totals.max() <= 0:
        return "no stretch of a lead speaks for it by itself"
    leads = [LEADS[k] for k in np.argsort(-totals)[:3] if totals[k] > totals.max() / 3]
    lead, at = np.unravel_index(map_.argmax(), map_.shape)
    return f"most in {', '.join(leads)}; the largest single stretch is {LEADS[lead]} at {at * STRIDE / rate:.1f} s"


def _up(mm: float) -> float:
    """To the next thick line of the paper."""
    return float(5 * np.ceil(mm / 5))


def _paper(wide: float, top: float, bottom: float) -> Markup:
    def grid(every: float) -> str:
        down = "".join(
            f"M{number(MARGIN_MM + k * every)} {number(top)}V{number(bottom)}" for k in range(round(wide / every) + 1)
        )
        across = "".join(
            f"M{number(MARGIN_MM)} {number(top + k * every)}H{number(MARGIN_MM + wide)}"
            for k in range(round((bottom - top) / every) + 1)
        )
        return down + across

    sheet = element(
        "rect", x=number(MARGIN_MM), y=number(top), width=number(wide), height=number(bottom - top), class_="paper"
    )
    return Markup("").join([sheet, element("path", d=grid(1), class_="mm"), element("path", d=grid(5), class_="mm5")])


def _shades(map_: Array, step: float, tops: list[float], bottoms: list[float], wide: float) -> list[Markup]:
    """Cells by strength: what the answer would lose without them in one colour, what it would gain in another."""
    largest = np.abs(map_).max() or 1.0
    level = np.searchsorted(LEVELS, np.abs(map_) / largest, side="right")
    out = []
    for sign, name in ((1, "for"), (-1, "against")):
        for k in range(1, len(LEVELS) + 1):
            cells = np.argwhere((level == k) & (np.sign(map_) == sign))
            path = ""
            for lead, at in cells:
                left, right = max((at - 0.5) * step, 0), min((at + 0.5) * step, wide)
                high = bottoms[lead] - tops[lead] - 0.6
                path += f"M{number(MARGIN_MM + left)} {number(tops[lead] + 0.3)}h{number(right - left)}"
                path += f"v{number(high)}h{number(left - right)}z"
            if path:
                out.append(element("path", d=path, class_=f"{name} level-{k}"))
    return out


def _strip(activation: Array, step: float, wide: float) -> Markup:
    """Class activation over time as bars above the paper."""
    largest = np.abs(activation).max() or 1.0
    base = MARGIN_MM + STRIP_MM
    bars = {"for": "", "against": ""}
    for at, value in enumerate(activation):
        left, right = max((at - 0.45) * step, 0), min((at + 0.45) * step, wide)
        high = STRIP_MM * abs(value) / largest
        if high >= 0.1:
            name = "for" if value > 0 else "against"
            bars[name] += (
                f"M{number(MARGIN_MM + left)} {number(base)}v{number(-high)}h{number(right - left)}v{number(high)}z"
            )
    words = text(MARGIN_MM, MARGIN_MM - 2.5, "class activation, as a gateway sends it", "start", class_="time")
    return Markup("").join([words, *(element("path", d=d, class_=f"{name} bars") for name, d in bars.items() if d)])


def _trace(shown: Array, rate: int, centre: float) -> Markup:
    """Relative steps in tenths of a millimetre, scaled up: a third of the bytes."""
    tenths = np.round(shown * 10).astype(int)
    moves = "".join(f" 1 {change}" for change in np.diff(tenths))
    place = f"translate({number(MARGIN_MM)} {number(centre)}) scale({number(MM_PER_S / rate)} -0.1)"
    return element("path", d=f"M0 {tenths[0]}l{moves.strip()}", transform=place, class_="trace")
