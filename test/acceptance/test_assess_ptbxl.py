"""How good the shipped model is on PTB-XL's fold 9, by `ecgclip assess` and scikit-learn. Needs ECGCLIP_DATA.

ECGCLIP_LABELS names the label table (ecg_id, strat_fold, <group>:<id> columns of 0 and 1); by default it is sought as
`ptbxl_labels.csv` in ECGCLIP_DATA and beside it.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from stage import ecgclip

SUPER_CLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
LEAST_POSITIVES = 5


def labels_of(row: dict[str, str]) -> dict[str, int]:
    """Task id -> 0 or 1. A super-class that shares its name with a sub-class takes the suffix _SUPER."""
    columns = [
        name for name in row if name.split(":")[0] in ("super_class", "sub_class", "form", "rhythm") and ":" in name
    ]
    below = {name.split(":")[1] for name in columns if not name.startswith("super_class:")}
    out = {}
    for name in columns:
        group, task = name.split(":")
        out[f"{task}_SUPER" if group == "super_class" and task in below else task] = int(row[name] == "1")
    return out


def test_fold_9_is_assessed_as_well_as_promised(built: None, ptbxl: Path) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    places = [
        Path(os.environ.get("ECGCLIP_LABELS", "-")),
        ptbxl / "ptbxl_labels.csv",
        ptbxl.parent / "ptbxl_labels.csv",
    ]
    table = next((path for path in places if path.is_file()), None)
    if table is None:
        pytest.skip("no label table: ECGCLIP_LABELS does not name one")
    with table.open(newline="") as file:
        wanted = {int(row["ecg_id"]): row for row in csv.DictReader(file) if row["strat_fold"] == "9"}
    found = {
        int(p.stem[:5]): p for p in sorted(ptbxl.rglob("*.hea")) if p.stem[:5].isdigit() and int(p.stem[:5]) in wanted
    }
    if len(found) < 50:
        pytest.skip(f"only {len(found)} records of fold 9 under ECGCLIP_DATA")
    by_name = {path.stem: number for number, path in found.items()}
    ran = ecgclip("assess", *(path.with_suffix("") for path in found.values()), "--json", seconds=600)
    assert ran.code == 0, ran.err
    answers = {}
    for line in ran.out.splitlines():
        window = json.loads(line)
        if window["window"] == 0:
            answers[by_name[Path(window["record"]).stem]] = window["tasks"]
    numbers = sorted(number for number, tasks in answers.items() if tasks)
    assert len(numbers) > 0.95 * len(found), f"{len(found) - len(numbers)} of {len(found)} records got no finding"
    truth = {number: labels_of(wanted[number]) for number in numbers}
    roc, precision = {}, {}
    for task in answers[numbers[0]]:
        if task not in truth[numbers[0]]:
            continue
        y = [truth[number][task] for number in numbers]
        if LEAST_POSITIVES <= sum(y) < len(y):
            p = [answers[number][task] for number in numbers]
            roc[task], precision[task] = roc_auc_score(y, p), average_precision_score(y, p)
    macro = sum(roc.values()) / len(roc), sum(precision.values()) / len(precision)
    print(
        f"\nfold 9: {len(numbers)} records, {len(roc)} labels, macro AUROC {macro[0]:.4f}, macro PRAUC {macro[1]:.4f}"
    )
    for task in sorted(roc, key=lambda t: roc[t]):
        print(
            f"  {task:12s} AUROC {roc[task]:.3f}  PRAUC {precision[task]:.3f}  positives {sum(truth[n][task] for n in numbers)}"
        )
    assert len(roc) >= 25
    assert macro[0] >= 0.86 and macro[1] >= 0.48
