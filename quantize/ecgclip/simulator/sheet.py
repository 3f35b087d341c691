"""Simulated recordings on ECG paper, to be looked at."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from ecgclip.leads import DERIVATION, LEADS
from ecgclip.simulator.cohort import TASKS, draw
from ecgclip.simulator.rhythms import Array
from ecgclip.simulator.signal import draw_electrodes, lead_signals

ROWS, COLUMNS = 6, 2  # limb leads on the left, chest leads on the right
APART_MV = 2.0
RATE = 250  # Hz


def write_sheets(folder: Path, seconds: float = 10.0, seed: int = 0) -> None:
    """One PNG a diagnosis: 25 mm/s and 10 mm/mV in proportion, its labels and report above."""
    mpl.rcParams["path.simplify"] = True
    folder.mkdir(parents=True, exist_ok=True)
    for k, task in enumerate(TASKS):
        rng = np.random.default_rng([seed, k])
        timeline, labels, report = draw(rng, seconds, task)
        signal = lead_signals(timeline, RATE, draw_electrodes(rng), rng, np.zeros((0, 0)))
        title = f"{' '.join(name for name, value in labels.items() if value)}: {report}"
        _sheet(DERIVATION @ signal, title).savefig(folder / f"{task.replace('/', '-')}.png", dpi=60)


def _sheet(twelve: Array, title: str) -> Figure:
    time = np.arange(twelve.shape[1]) / RATE
    figure = Figure(figsize=(20, 9), layout="constrained")
    figure.suptitle(title, fontsize=14)
    for column, axes in enumerate(figure.subplots(1, COLUMNS, sharey=True)):
        for row in range(ROWS):
            lead = column * ROWS + row
            axes.plot(time, twelve[lead] - APART_MV * row, color="black", linewidth=0.8)
            axes.text(0.05, 0.6 - APART_MV * row, LEADS[lead], fontsize=12)
        axes.set(xlim=(0, time[-1]), ylim=(-APART_MV * ROWS + 0.5, APART_MV))
        axes.xaxis.set_major_locator(MultipleLocator(0.2))
        axes.yaxis.set_major_locator(MultipleLocator(0.5))
        axes.grid(color="#f3b5b5", linewidth=0.5)
        axes.tick_params(labelbottom=False, labelleft=False, length=0)
    return figure
