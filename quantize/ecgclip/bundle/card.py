"""MODEL_CARD.md, generated from the measurements, so that no figure in it can be older than the model."""

from __future__ import annotations

from pathlib import Path
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
{sets}
Statements that a reader did not make in PTB-XL count as absent; in the other sets, labels that nobody gave are left
out of the loss. A patient is in one fold only. PTB-XL's fold 10 was not used for anything. PTB-XL: Wagner et al.
2020, one country, one make of device, 1989-1996. The others: Clifford et al. 2015 and 2017, Moody and Mark 2001,
Greenwald 1986, all on PhysioNet.

## Network
ResNet-{depth} of {parameters} parameters, one-dimensional, written as `Conv2d (1, k)`; baseline removal ({highpass}
Hz), clipping and gain inside the graph; mean and maximum over time; one linear head. int8: unsigned
activations, signed per-channel weights{reduced}, stem and head in float. Recipe `{recipe}`, seed {seed},
deterministic on one machine.{start}
"""

CROSSED = (
    "The acute ones are judged on all patients of the rhythm and alarm sets, by networks of this recipe that were "
    "trained without the patient; their levels are chosen by the same. "
)

FAILURES = """
## Known failures and limits
- Every figure here is from the folds on which epochs, calibration and thresholds were chosen: **it is
  optimistic**. Intervals are over patients and wide; a task with 5 positives says little.
- `AMI` and `IMI` are anterior and inferior infarction *of any age*, as PTB-XL labels them: not a detector of
  acute occlusion.
- `NORM` and `NORM_SUPER` are the same column of the data under two names.
- Statements such as `NDT`, `NT`, `NST`, `ABQRS` depend on the reader's habit more than on the patient.
- `VT`, `VF`, `ASYS`, `EBRADY` and `ETACHY` were learned from few patients with one or two leads and must never replace
  a monitor's own alarm. `VF` and `ASYS` rest on a handful of people.
- One lead turned upside down was part of training; other exchanges of electrodes were not.
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
    parts = [
        HEAD.format(
            name=recipe.name,
            version=recipe.bundle.version,
            tasks=len(report["tasks"]),
            rate=recipe.model.rate,
            sets="\n".join(_set(each) for each in report["sets"]),
            depth=2 * sum(recipe.model.blocks) + 2,
            parameters=f"{report['parameters']:,}",
            highpass=recipe.model.highpass_hz,
            recipe=recipe.name,
            reduced=" of 7 bits (the same answer with and without VNNI)" if recipe.quantization.reduce_range else "",
            seed=recipe.seed,
            start=_beginning(recipe.training.start),
        ),
        "\n## Results on PTB-XL's validation fold\n",
        f"Macro average over the {report['macro']['int8']['tasks']} tasks with at least "
        f"{recipe.calibration.minimum_validation_positives} positives; 95 % bootstrap intervals over patients.\n\n",
        "| variant; leads, or as another device would have recorded it | AUROC | PRAUC |\n|---|---|---|\n",
        *(
            f"| {name} | {_interval(measures['auroc'])} | {_interval(measures['prauc'])} |\n"
            for name, measures in report["macro"].items()
        ),
        _parity(report),
        _rhythms(report["rhythms"]),
        "\n### Each task, int8\n",
        f"{CROSSED if report['rhythms'].get('crossed2015') else ''}"
        "Sensitivity and PPV are of single windows at the threshold; *normals* is the share of windows read as normal, "
        "or as sinus rhythm where nobody read more, that exceed it. *Rule out*: a window below speaks against the "
        "finding (its sensitivity and specificity), where there are positives enough to say so.\n\n",
        "| task | | train + | val + | prevalence | PRAUC | AUROC "
        "| threshold | sens. | PPV | normals | alert | rule out |\n",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        *(_row(task, entry, tasks[task].display) for task, entry in report["tasks"].items()),
        FAILURES,
    ]
    return "".join(parts)


def _beginning(start: str) -> str:
    if start.endswith(".pt"):
        made_by = Path(start).parent.name
        return f" It began with the encoder that the recipe `{made_by}` pre-trains on recordings and their reports."
    return f" It began with the weights of the bundle in `{start}`." if start else ""


def _set(each: dict[str, Any]) -> str:
    used = (
        f"- {each['name']} ({each['licence']}): {each['training']['windows']:,} windows of "
        f"{each['training']['patients']:,} patients to train (folds {_list(each['training']['folds'])})"
    )
    if not each["validation"]["folds"]:
        return f"{used}; nothing was chosen or measured by them, and they count nowhere below."
    return (
        f"{used}, {each['validation']['windows']:,} of {each['validation']['patients']:,} for everything that was "
        f"chosen (folds {_list(each['validation']['folds'])})."
    )


def _list(folds: list[int]) -> str:
    return ", ".join(map(str, folds))


def _rhythms(found: dict[str, Any]) -> str:
    """Scores of the challenges on their validation records."""
    lines = []
    if "challenge2015" in found:
        lines.append(
            "\n### True and false alarms (PhysioNet/CinC Challenge 2015, "
            f"{'all records, cross-validated' if found['crossed2015'] else 'validation records'})\n"
            f"Score (TP+TN)/(TP+TN+FP+5 FN): **{found['challenge2015']:.1f}**. An alarm is true when its task exceeds "
            "its threshold in any window of the last 15 s.\n\n"
            "| alarm | TP | FP | FN | TN |\n|---|---|---|---|---|\n"
        )
        lines += [
            f"| `{task}` | {' | '.join(str(n) for n in cells.values())} |\n"
            for task, cells in found["alarms2015"].items()
        ]
    if "af2017F1" in found:
        lines.append(
            f"\nAtrial fibrillation in hand-held lead I (Challenge 2017, {sum(found['af2017'].values())} validation "
            f"records), by the mean over a record's windows: F1 **{found['af2017F1']:.3f}**"
        )
        if told := found.get("af2017Alerts"):
            lines.append(
                f"; by the alerts that they start: F1 **{found['af2017AlertsF1']:.3f}**, {told['true_positive']} of "
                f"{told['true_positive'] + told['false_negative']} found, {told['false_positive']} false"
            )
        lines.append(".\n")
    return "".join(lines)


def _interval(m: dict[str, float]) -> str:
    return f"{m['value']:.3f} ({m['low']:.3f}-{m['high']:.3f})"


def _parity(report: dict[str, Any]) -> str:
    return _int8_parity(report) + "".join(
        [f"\n`{file}`, PTB-XL: {_deltas(each['parity'])}.\n" for file, each in report["variants"].items()]
        + [f"\n`{file}` is left out of this bundle: {reason}\n" for file, reason in report["left_out"].items()]
    )


def _deltas(p: dict[str, Any]) -> str:
    return (
        f"macro delta PRAUC {p['macro_delta_prauc']:+.4f}, {p['worst_delta_prauc']:+.4f} (`{p['worst_task']}`), "
        f"decisions that differ {p['decision_flips']:.2%}"
    )


def _int8_parity(report: dict[str, Any]) -> str:
    return "".join(
        f"\nint8 against fp32, {where}: macro delta PRAUC {p['macro_delta_prauc']:+.4f}, largest loss of a task "
        f"with 10 or more positives {p['worst_delta_prauc']:+.4f} (`{p['worst_task']}`), "
        f"decisions that differ {p['decision_flips']:.2%}.\n"
        for where, p in (
            ("PTB-XL (what the gates look at)", report["parity"]),
            ("all validation windows", report["parity_everywhere"]),
        )
    )


def _row(task: str, entry: dict[str, Any], display: str) -> str:
    m, point = entry["measures"], entry["point"]
    alert, out = point["alert"], point["rule_out"]
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
        f"{out['value']:g} ({out['sensitivity']:.2f}, {out['specificity']:.2f})" if out else "",
    ]
    return f"| {' | '.join(str(cell) for cell in cells)} |\n"
