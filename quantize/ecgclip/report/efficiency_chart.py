"""What more labels are worth: the `runs.json` that `probe` writes, as curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ecgclip.errors import EcgclipError
from ecgclip.report.svg import Scale, axes, dots, line, picture, text

WIDTH, HEIGHT = 360, 250
COLOURS = 6

Runs = Sequence[Mapping[str, Any]]


def load_runs(path: Path) -> list[dict[str, Any]]:
    """Runs that learned from labels and have a macro average; share is of the labels, above 0."""
    try:
        return [run for run in json.loads(path.read_text()) if run["share"] and run["prauc"] and run["auroc"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EcgclipError(f"{path} is no list of runs: give the runs.json that `probe` writes.") from error


def efficiency_charts(runs: Runs) -> list[Markup]:
    """For each cohort and method a picture of PRAUC and one of AUROC: a line an encoder, a dot a seed."""
    encoders = list(dict.fromkeys(run["encoder"] for run in runs))
    groups = dict.fromkeys((run["cohort"], run["method"]) for run in runs)
    return [
        _chart(
            [run for run in runs if (run["cohort"], run["method"]) == group], encoders, metric, " on ".join(group[::-1])
        )
        for group in groups
        for metric in ("prauc", "auroc")
    ]


def _chart(runs: Runs, encoders: list[str], metric: str, where: str) -> Markup:
    shares = sorted({run["share"] for run in runs})
    values = [run[metric]["value"] for run in runs]
    low, high = np.floor(min(values) * 20) / 20, np.ceil(max(values) * 20) / 20
    x = Scale(min(shares) / 1.3, max(shares) * 1.3, 42, WIDTH - 8, logarithmic=True)
    y = Scale(low, max(high, low + 0.05), HEIGHT - 36 - 14 * len(encoders), 22)
    ticks = [(value, f"{value:.2f}") for value in np.linspace(y.low, y.high, 4)]
    content = [
        text(WIDTH / 2, 12, f"{metric.upper()}, {where}", class_="name"),
        axes(
            x,
            y,
            [(share, f"{share:.0%}") for share in shares],
            ticks,
            ("share of the labels", f"macro {metric.upper()}"),
        ),
    ]
    for k, encoder in enumerate(encoders):
        own = [run for run in runs if run["encoder"] == encoder]
        colour = f"series-{k % COLOURS}"
        means = [
            (x(share), y(float(np.mean(found))))
            for share in shares
            if (found := [run[metric]["value"] for run in own if run["share"] == share])
        ]
        if means:
            content += [line(means, f"curve {colour}")]
            content += [dots([(x(run["share"]), y(run[metric]["value"])) for run in own], f"seed {colour}")]
        at = y.start + 42 + 14 * k
        content += [
            line([(x.start, at), (x.start + 18, at)], f"curve {colour}"),
            text(x.start + 24, at + 4, encoder, "start"),
        ]
    return picture(WIDTH, HEIGHT, f"Macro {metric.upper()} against the share of the labels, {where}", *content)
