"""MODEL_CARD.md, generated from the measurements, so that no figure in it can be older than the model."""

from __future__ import annotations

from typing import Any

from ecgclip.catalog import CatalogTask
from ecgclip.config import Recipe

HEAD = """# Model card: {name} {version}

**Not a medical device.** Not validated for clinical use. What comes out is the advisory output of a statistical
model; it must not be the only means by which anyone learns of a patient's state, and it replaces neither a
monitor's alarms nor a reader.

## Intended use
Research, teaching and engineering: probabilities of {tasks} ECG statements from 10-s windows of a 12-lead ECG
at {rate} Hz, on a small computer beside the patient. Leads that are absent are given as zero; it was trained
with leads left out (limb leads only, single limb leads, random sets). Adults. Not for triage, not for ruling
anything out, not for children.

## Data
PTB-XL 1.0.3 (Wagner et al., *PTB-XL, a large publicly available electrocardiography dataset*, Scientific Data
2020; PhysioNet), CC BY 4.0: {training} records of folds {training_folds} to train, {validation} records of fold
{validation_folds} for everything that was chosen. Fold 10 was not used for anything. Patients are in one fold
only. One country, one make of device, 1989-1996. Statements that a reader did not make count as absent.

## Network
ResNet-18 of {parameters} parameters, one-dimensional, written as `Conv2d (1, k)`; baseline removal ({highpass}
Hz), clipping and gain inside the graph; mean and maximum over time; one linear head. int8: unsigned
activations, signed per-channel weights{reduced}, stem and head in float. Recipe `{recipe}`, seed {seed},
deterministic on one machine.
"""

FAILURES = """
## Known failures and limits
- Every figure here is from the fold on which epochs, calibration and thresholds were chosen: **it is
  optimistic**. With {validation} records, intervals are wide; a task with 5 positives says little.
- `AMI` and `IMI` are anterior and inferior infarction *of any age*, as PTB-XL labels them: not a detector of
  acute occlusion.
- `NORM` and `NORM_SUPER` are the same column of the data under two names.
- Statements such as `NDT`, `NT`, `NST`, `ABQRS` depend on the reader's habit more than on the patient.
- Ventricular tachycardia, fibrillation and asystole are **not** among the tasks: it was never shown one.
- Windows overlap, and a patient who looks abnormal once looks abnormal always: persistence removes noise, not
  bias.
- Calibrated for the prevalence of a hospital's archive; on a ward of healthy people probabilities are too high.
- Premature beats are easily missed when the window holds only one, and confused with artefacts of moving
  electrodes.
- Simulated ECG (the demonstration, the goldens) resembles real ECG; that a simulated condition is found proves
  nothing about patients.
"""


def write_card(recipe: Recipe, report: dict[str, Any], tasks: dict[str, CatalogTask]) -> str:
    """Markdown."""
    folds = recipe.data.training_folds
    parts = [
        HEAD.format(
            name=recipe.name,
            version=recipe.bundle.version,
            tasks=len(report["tasks"]),
            rate=recipe.model.rate,
            training=report["training_records"],
            validation=report["validation_records"],
            training_folds=f"{folds[0]}-{folds[-1]}",
            validation_folds=", ".join(map(str, recipe.data.validation_folds)),
            parameters=f"{report['parameters']:,}",
            highpass=recipe.model.highpass_hz,
            recipe=recipe.name,
            reduced=" of 7 bits (the same answer with and without VNNI)" if recipe.quantization.reduce_range else "",
            seed=recipe.seed,
        ),
        "\n## Results on the validation fold\n",
        f"Macro average over the {report['macro']['int8']['tasks']} tasks with at least "
        f"{recipe.calibration.minimum_validation_positives} positives; 95 % bootstrap intervals over records.\n\n",
        "| variant, leads | AUROC | PRAUC |\n|---|---|---|\n",
        *(
            f"| {name} | {_interval(measures['auroc'])} | {_interval(measures['prauc'])} |\n"
            for name, measures in report["macro"].items()
        ),
        _parity(report),
        "\n### Each task, int8\n",
        "Sensitivity and PPV are of single windows at the threshold; *normals* is the share of records read as normal, "
        "without the condition, that exceed it.\n\n",
        "| task | | train + | val + | prevalence | PRAUC | AUROC | threshold | sens. | PPV | normals | alert |\n",
        "|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        *(_row(task, entry, tasks[task].display) for task, entry in report["tasks"].items()),
        FAILURES.format(validation=report["validation_records"]),
    ]
    return "".join(parts)


def _interval(m: dict[str, float]) -> str:
    return f"{m['value']:.3f} ({m['low']:.3f}-{m['high']:.3f})"


def _parity(report: dict[str, Any]) -> str:
    p = report["parity"]
    return (
        f"\nint8 against fp32: macro delta PRAUC {p['macro_delta_prauc']:+.4f}, largest of a task "
        f"with 10 or more positives {p['worst_delta_prauc']:+.4f} (`{p['worst_task']}`), "
        f"decisions that differ {p['decision_flips']:.2%}.\n"
    )


def _row(task: str, entry: dict[str, Any], display: str) -> str:
    m, point = entry["measures"], entry["point"]
    alert = point["alert"]
    cells = [
        f"`{task}`",
        display,
        m["training_positives"],
        m["positives"],
        f"{m['prevalence']:.3f}",
        _interval(m["prauc"]) if m["prauc"] else "too few",
        _interval(m["auroc"]) if m["auroc"] else "too few",
        f"{point['threshold']['value']:.2f}",
        f"{m['sensitivity']:.2f}",
        f"{m['ppv']:.2f}",
        f"{m['normal_exceedance']:.1%}",
        f"{alert['tier']}, {alert['need']} of {alert['of']}" if alert else "",
    ]
    return f"| {' | '.join(str(cell) for cell in cells)} |\n"
