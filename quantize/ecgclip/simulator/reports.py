"""What a reader would write: synonyms, hedges, abbreviations, in the order of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecgclip.simulator.heart import Generator

PHRASES: dict[str, tuple[str, ...]] = {
    "SR": ("sinus rhythm", "normal sinus rhythm", "regular sinus rhythm", "sinus rhythm at {rate} bpm"),
    "SARRH": ("sinus arrhythmia", "sinus rhythm with respiratory variation", "marked sinus arrhythmia"),
    "STACH": ("sinus tachycardia", "sinus tachycardia, rate {rate}", "fast sinus rhythm"),
    "SBRAD": ("sinus bradycardia", "sinus bradycardia at {rate} bpm", "slow sinus rhythm"),
    "AFIB": (
        "atrial fibrillation",
        "atrial fibrillation with {response} ventricular response",
        "af, ventricular rate {rate}",
        "irregularly irregular rhythm without p waves, atrial fibrillation",
    ),
    "AFLT": ("atrial flutter", "atrial flutter with variable block", "typical atrial flutter, ventricular rate {rate}"),
    "SVTAC": (
        "supraventricular tachycardia",
        "narrow complex tachycardia, rate {rate}",
        "svt, probably av nodal re-entrant",
        "paroxysmal supraventricular tachycardia",
    ),
    "PAC": (
        "premature atrial complexes",
        "supraventricular extrasystoles",
        "atrial premature complex(es)",
        "occasional pacs",
    ),
    "PVC": (
        "premature ventricular complexes",
        "ventricular extrasystoles",
        "ventricular premature complex(es)",
        "frequent pvcs",
        "premature ventricular contraction(s)",
    ),
    "VT": ("ventricular tachycardia", "broad complex tachycardia, rate {rate}", "sustained monomorphic vt"),
    "VF": (
        "ventricular fibrillation",
        "ventricular fibrillation or flutter",
        "coarse vf",
        "chaotic ventricular activity",
    ),
    "ASYS": ("asystole", "ventricular standstill", "no ventricular activity", "cardiac arrest, asystole"),
    "JUNC": ("junctional rhythm", "av junctional escape rhythm, rate {rate}", "nodal rhythm"),
    "IVR": ("idioventricular rhythm", "ventricular escape rhythm", "accelerated idioventricular rhythm at {rate}"),
    "PACE": (
        "paced rhythm",
        "ventricular pacing",
        "electronic pacemaker, ventricular capture",
        "artificial pacemaker rhythm",
    ),
    "1AVB": ("first degree av block", "prolonged pr interval", "1st degree atrioventricular block", "long pr"),
    "2AVB": ("second degree av block", "second degree av block with dropped beats", "2:1 or wenckebach av conduction"),
    "3AVB": ("complete heart block", "third degree av block", "complete av block with escape rhythm at {rate}"),
    "WPW": ("wolff-parkinson-white pattern", "ventricular preexcitation, delta waves", "short pr with delta wave, wpw"),
    "CRBBB": ("right bundle branch block", "complete right bundle branch block", "rbbb", "rsr' in v1, rbbb"),
    "IRBBB": ("incomplete right bundle branch block", "partial rbbb", "rsr' pattern in v1, incomplete rbbb"),
    "CLBBB": ("left bundle branch block", "complete left bundle branch block", "lbbb"),
    "ILBBB": ("incomplete left bundle branch block", "partial lbbb"),
    "LAFB": (
        "left anterior fascicular block",
        "left anterior hemiblock",
        "left axis deviation, left anterior fascicular block",
    ),
    "LPFB": ("left posterior fascicular block", "right axis deviation, left posterior hemiblock"),
    "IVCD": (
        "intraventricular conduction delay",
        "non-specific intraventricular block",
        "non-specific intraventricular conduction disturbance",
    ),
    "LVH": (
        "left ventricular hypertrophy",
        "voltage criteria for left ventricular hypertrophy",
        "lvh",
        "high voltages, left ventricular hypertrophy",
    ),
    "RVH": ("right ventricular hypertrophy", "rvh", "dominant r in v1, right ventricular hypertrophy"),
    "LAO/LAE": ("left atrial enlargement", "left atrial overload", "broad notched p waves, left atrial enlargement"),
    "RAO/RAE": ("right atrial enlargement", "right atrial overload", "tall peaked p waves, p pulmonale"),
    "STEMI": (
        "acute {wall} st elevation myocardial infarction",
        "st elevation in {wall} leads, acute infarction",
        "{wall} stemi",
        "hyperacute {wall} infarct",
    ),
    "MI": (
        "{wall} myocardial infarction",
        "old {wall} infarct",
        "{wall} infarction, age undetermined",
        "q waves in {wall} leads consistent with infarction",
        "previous {wall} mi",
    ),
    "ISC": (
        "st and t changes suggesting {wall} ischaemia",
        "{wall} ischaemia",
        "st depression and t inversion, consistent with {wall} ischaemia",
    ),
    "STD": ("non-specific st depression", "st segments are depressed", "st depression in anterolateral leads"),
    "STE": ("non-specific st elevation", "minor st elevation", "st segments are slightly elevated"),
    "LNGQT": ("prolonged qt interval", "long qt", "qtc is prolonged"),
    "BRUG": ("brugada pattern", "coved st elevation in v1-v2, brugada type 1"),
    "ERP": ("early repolarisation", "benign early repolarization", "j point elevation, early repolarisation"),
    "INVT": ("t wave inversion in {wall} leads", "inverted t waves", "t waves are inverted in {wall} leads"),
    "FLAT": ("non-specific t wave flattening", "flat t waves", "low amplitude t waves", "t waves are flat"),
    "LVOLT": ("low qrs voltages", "low voltage", "peripheral low voltage"),
    "HYPERK": ("tall peaked t waves, hyperkalaemia", "changes of hyperkalaemia", "hyperkalemia pattern"),
}
UNCERTAIN = (
    "possible {}",
    "probable {}",
    "{} cannot be excluded",
    "consider {}",
    "{}?",
    "suggests {}",
    "borderline {}",
)
NORMAL = ("normal ecg", "within normal limits", "no abnormality", "otherwise normal ecg", "no significant abnormality")
CERTAIN = ("SR", "SARRH", "STACH", "SBRAD", "FLAT")
HEDGED = 0.2  # share of findings that a reader is not sure of


@dataclass(frozen=True)
class Finding:
    """One statement: a key of `PHRASES`, and the territory that it is about."""

    key: str
    wall: str = ""


def write_report(findings: Sequence[Finding], rate: float, axis_deg: float, *, normal: bool, rng: Generator) -> str:
    """One report; the rhythm first, as readers write it."""
    parts = [_phrase(finding, rate, rng) for finding in findings]
    if rng.random() < 0.5 and (axis := _axis(axis_deg)):
        parts.insert(1, axis)
    if normal:
        parts.append(str(rng.choice(NORMAL)))
    elif len(parts) > 2 and rng.random() < 0.3:
        parts[1:] = [parts[k] for k in 1 + rng.permutation(len(parts) - 1)]
    if not normal and rng.random() < 0.3:
        parts.append("abnormal ecg")
    return str(rng.choice([". ", ". ", "; "])).join(parts) + str(rng.choice([".", ""]))


def _phrase(finding: Finding, rate: float, rng: Generator) -> str:
    response = "rapid" if rate > 100 else "slow" if rate < 60 else "controlled"
    text = str(rng.choice(PHRASES[finding.key])).format(rate=round(rate), response=response, wall=finding.wall)
    if finding.key not in CERTAIN and rng.random() < HEDGED:
        return str(rng.choice(UNCERTAIN)).format(text)
    return text


def _axis(degrees: float) -> str:
    if degrees < -30:
        return "left axis deviation"
    return "right axis deviation" if degrees > 95 else ""
