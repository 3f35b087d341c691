"""Results of `probe` and `zero-shot` as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Entries = Sequence[dict[str, Any]]


def result_tables(entries: Entries, pairs: Entries) -> str:
    """Means over the seeds, then differences with their intervals."""
    return "\n\n".join(table for table in (_means(entries), _differences(pairs)) if table) + "\n"


def _means(entries: Entries) -> str:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for entry in entries:
        if entry["prauc"]:
            key = tuple(entry[name] for name in ("method", "cohort", "share", "encoder"))
            groups.setdefault(key, []).append(entry)
    if not groups:
        return ""
    lines = [
        "| method | cohort | labels | encoder | seeds | tasks | PRAUC (least to most of the seeds) | AUROC |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (method, cohort, share, encoder), group in sorted(groups.items(), key=lambda item: item[0][:3]):
        found = [
            f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
            for values in ([entry[name]["value"] for entry in group] for name in ("prauc", "auroc"))
        ]
        where = f"{share:.0%} ({group[0]['records']} records)" if share else "none"
        cells = [method, cohort, where, encoder, str(len(group)), str(group[0]["tasks"]), *found]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _differences(pairs: Entries) -> str:
    if not pairs:
        return ""
    lines = [
        "| method | cohort | labels | difference | seeds | PRAUC (95 %) | p | AUROC (95 %) | p |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for pair in sorted(pairs, key=lambda pair: (pair["method"], pair["cohort"], pair["share"])):
        cells = [pair["method"], pair["cohort"], f"{pair['share']:.0%}" if pair["share"] else "none"]
        cells += [f"{pair['encoder']} less {pair['against']}", str(len(pair["seeds"]))]
        for name in ("prauc", "auroc"):
            found = pair[name]
            cells += [f"{found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})", _p(found["p"])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
