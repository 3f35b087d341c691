"""The model card's section about the quality model, from the evidence in its own file."""

from __future__ import annotations

import json
from pathlib import Path

SECTION = """
## Signal quality
A log-linear model of {features} features a lead says how readable each lead and the window are. Trained on {records}
records of the PhysioNet/CinC Challenge 2011 ({unacceptable} unacceptable; ODC-By 1.0). {cohort}:
sensitivity {sensitivity}, specificity {specificity}, balanced accuracy {balanced}. Windows below {window:.3f} are
degraded; leads below {lead:.5f} are not given to the network: at least one in {flagged_bad:.1%} of the unacceptable and
{flagged_good:.1%} of the acceptable records.

| readable all the same | windows | degraded | leads taken away |
|---|---|---|---|
{rows}"""


def quality_section(path: Path | None) -> str:
    """Empty for a bundle without a quality model."""
    if path is None:
        return ""
    model = json.loads(path.read_text())
    found, thresholds = model["evidence"], model["thresholds"]
    shown = {
        name: "{value:.3f} ({low:.3f}-{high:.3f})".format(**found[name]) for name in ("sensitivity", "specificity")
    }
    return SECTION.format(
        features=len(model["weights"]),
        records=found["records"],
        unacceptable=found["unacceptable"],
        cohort=found["cohort"],
        **shown,
        balanced="{value:.3f} ({low:.3f}-{high:.3f})".format(**found["balancedAccuracy"]),
        window=thresholds["window"]["value"],
        lead=thresholds["lead"]["value"],
        flagged_bad=found["leadFlagged"]["unacceptable"],
        flagged_good=found["leadFlagged"]["acceptable"],
        rows="".join(
            "| {name} | {windows} | {degraded:.1%} | {leadsFlagged:.2%} |\n".format(**each)
            for each in found["readable"]
        ),
    )
