"""Writes metrics.json: what scikit-learn and SciPy say of small sets of labels and probabilities."""

import json
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, roc_auc_score


def expected_calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    chosen = [bin_of == b for b in range(bins) if (bin_of == b).any()]
    return float(sum(c.mean() * abs(p[c].mean() - y[c].mean()) for c in chosen))


def wilson(successes: int, trials: int) -> list[float]:
    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return [successes / trials, interval.low, interval.high]


def case(name: str, y: np.ndarray, p: np.ndarray, rng: np.random.Generator) -> dict:
    weights = rng.poisson(1, size=len(y))
    tn, fp, fn, tp = (int(n) for n in confusion_matrix(y, p >= 0.5).ravel())
    return {
        "name": name,
        "labels": y.tolist(),
        "scores": p.tolist(),
        "weights": weights.tolist(),
        "auroc": roc_auc_score(y, p),
        "prauc": average_precision_score(y, p),
        "weightedAuroc": roc_auc_score(y, p, sample_weight=weights),
        "weightedPrauc": average_precision_score(y, p, sample_weight=weights),
        "brier": brier_score_loss(y, p),
        "ece": expected_calibration_error(y, p),
        "inTheLarge": float(p.mean() - y.mean()),
        "counts": [tp, fp, fn, tn],
        "intervals": [wilson(tp, tp + fn), wilson(tn, tn + fp), wilson(tp, tp + fp), wilson(tn, tn + fn)],
    }


def main() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(300) < 0.3).astype(int)
    informed = 1 / (1 + np.exp(-(2.2 * y - 1.4 + rng.normal(size=300))))
    rare = np.zeros(200, int)
    rare[[3, 77, 150]] = 1
    cases = [
        case("informed", y, np.round(informed, 6), rng),
        case("many ties", y, np.round(informed, 1), rng),
        case("uninformed", y, np.round(rng.random(300), 6), rng),
        case("rare", rare, np.round(np.clip(rng.random(200) * 0.9 + 0.3 * rare, 0, 1), 6), rng),
        case("upside down", y, np.round(1 - informed, 6), rng),
    ]
    Path(__file__).with_suffix(".json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
