"""Where the network puts windows: its embedding brought to the plane by t-SNE."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from ecgclip.metrics import Array
from ecgclip.report.svg import Scale, dots, picture

SIZE = 240
MOST = 3000  # windows; more are drawn from
COMPONENTS = 30  # that are left of the embedding before t-SNE
PERPLEXITY = 30.0


def feature_plane(embedding: Array, seed: int) -> tuple[npt.NDArray[np.int64], Array]:
    """Rows that were drawn, and their places in the unit square. The same for the same seed."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(embedding))[:MOST])
    if len(rows) < 2:
        return rows, np.full((len(rows), 2), 0.5)
    spread = embedding[rows].std(axis=0)
    x = (embedding[rows] - embedding[rows].mean(axis=0)) / np.where(spread > 0, spread, 1)
    x = PCA(min(COMPONENTS, *x.shape), random_state=seed).fit_transform(x)
    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    plane = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(x)
    low, high = plane.min(axis=0), plane.max(axis=0)
    return rows, (plane - low) / np.maximum(high - low, 1e-9)


def feature_chart(places: Array, truth: Array, display: str) -> Markup:
    """Windows with a task over those without; those for which it is unknown are faint."""
    scale = Scale(0, 1, 8, SIZE - 8)
    groups = (("unknown", np.isnan(truth)), ("without", truth < 0.5), ("with", truth > 0.5))
    small = " small" if len(places) > 800 else ""
    content = [
        dots([(scale(x), scale(y)) for x, y in places[here]], f"{name}{small}") for name, here in groups if here.any()
    ]
    words = f"Map of {len(places)} windows; the {int((truth > 0.5).sum())} with {display} are coloured"
    return picture(SIZE, SIZE, words, *content, class_="chart map")
