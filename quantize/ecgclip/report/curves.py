"""Small multiples: precision against recall, and frequency against probability, one picture a task."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from ecgclip.metrics import Array, precision_recall
from ecgclip.report.measures import TaskMeasures, share
from ecgclip.report.svg import Scale, axes, dots, element, line, number, picture, text

WIDTH, HEIGHT = 240, 216
BINS = 10
LEAST = 8  # windows that a point stands for
X, Y = Scale(0, 1, 40, 230), Scale(0, 1, 180, 8)
HALVES = [(0.0, "0"), (0.5, "0.5"), (1.0, "1")]
MOST_POINTS = 250  # of a curve


def precision_recall_chart(task: TaskMeasures, truth: Array, p: Array) -> Markup:
    """The curve as steps, what chance would give, and where the shipped threshold stands."""
    recall, precision = precision_recall(truth, p)
    if len(recall) > MOST_POINTS:
        kept = np.unique(np.linspace(0, len(recall) - 1, MOST_POINTS).round().astype(int))
        recall, precision = recall[kept], precision[kept]
    points = list(zip(recall.tolist(), precision.tolist(), strict=True))
    path = f"M{number(X(0))} {number(Y(points[0][1]))}"
    path += "".join(f"V{number(Y(high))}H{number(X(along))}" for along, high in points)
    content = [
        axes(X, Y, HALVES, HALVES, ("recall (sensitivity)", "precision (PPV)")),
        line([(X(0), Y(task.prevalence)), (X(1), Y(task.prevalence))], "chance"),
        element("path", d=path, class_="curve"),
    ]
    if task.sensitivity and task.ppv:
        content.append(dots([(X(task.sensitivity.value), Y(task.ppv.value))], "chosen"))
    return picture(WIDTH, HEIGHT, f"Precision against recall of {task.display}, {_measured(task)}", *content)


def reliability_chart(task: TaskMeasures, truth: Array, p: Array, patients: Array) -> Markup:
    """Observed frequency by tenths of the probability, with its interval, and below how many windows are there."""
    known = np.isfinite(truth)
    truth, p, patients = truth[known], p[known], patients[known]
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    groups = _groups(counts)[bins]
    content = [
        axes(X, Y, HALVES, HALVES, ("predicted probability", "observed share")),
        line([(X(0), Y(0)), (X(1), Y(1))], "chance"),
    ]
    middle = []
    for k in np.unique(groups):
        here = groups == k
        found = share(truth[here] > 0.5, patients[here])
        assert found
        at = X(float(p[here].mean()))
        content.append(line([(at, Y(found.low)), (at, Y(found.high))], "interval"))
        middle.append((at, Y(found.value)))
    content += [line(middle, "curve thin"), dots(middle, "point")]
    tallest = np.log10(counts.max() + 1)
    for k in np.flatnonzero(counts):
        high = 12 * np.log10(counts[k] + 1) / tallest
        left, wide = X(k / BINS) + 1, (X.end - X.start) / BINS - 2
        bar = f"M{number(left)} {number(Y.start)}v{number(-high)}h{number(wide)}v{number(high)}z"
        content.append(element("path", element("title", f"{counts[k]} windows"), d=bar, class_="bar"))
    slope = f"calibration slope {task.slope.value:.2f}" if task.slope else "no calibration slope"
    return picture(WIDTH, HEIGHT, f"Reliability of {task.display}: {slope}", *content)


def _groups(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Neighbouring tenths together until there are enough windows; what is left at the top goes to those before."""
    groups, current, held = [], 0, 0
    for k, count in enumerate(counts):
        groups.append(current)
        held += count
        if held >= LEAST and counts[k + 1 :].sum() >= LEAST:
            current, held = current + 1, 0
    return np.array(groups)


def _measured(task: TaskMeasures) -> str:
    area = f"area {task.prauc.value:.2f}" if task.prauc else "no area"
    return f"{area}, chance {task.prevalence:.2f}"


def forest_chart(tasks: list[TaskMeasures]) -> Markup:
    """PRAUC and AUROC of each task with their intervals; a tick where chance is."""
    row, left, gap, right = 19, 330, 24, 832
    wide = (right - left - gap) / 2
    height = row * len(tasks) + 46
    scales = (Scale(0, 1, left, left + wide), Scale(0, 1, left + wide + gap, right))
    bottom = height - 20.0
    content = []
    for scale, name in zip(scales, ("PRAUC", "AUROC"), strict=True):
        content.append(text((scale.start + scale.end) / 2, 12, name, class_="name"))
        for value in (0, 0.25, 0.5, 0.75, 1):
            content.append(element("path", d=f"M{number(scale(value))} 20V{number(bottom)}", class_="grid"))
            content.append(text(scale(value), bottom + 13, number(value)))
    for k, task in enumerate(tasks):
        y = 30.0 + row * k
        content.append(text(left - 10, y + 4, task.display, "end"))
        for scale, found, chance in zip(scales, (task.prauc, task.auroc), (task.prevalence, 0.5), strict=True):
            if found:
                content.append(line([(scale(found.low), y), (scale(found.high), y)], "interval"))
                content.append(line([(scale(chance), y - 6), (scale(chance), y + 6)], "tick"))
                content.append(dots([(scale(found.value), y)], "point"))
    words = "PRAUC and AUROC of each task with 95 % intervals; the same figures stand in the table below"
    return picture(right + 8, height, words, *content, class_="chart wide")
