"""WFDB format 16, read and written by the documented layout: enough for the recordings these tests play."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

LEADS12 = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
LEADS8 = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


@dataclass(frozen=True)
class Recording:
    """Eight measured leads in millivolts, `[samples, 8]` in the order of LEADS8."""

    rate: int
    millivolts: npt.NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return len(self.millivolts) / self.rate

    def cut(self, start_s: float, end_s: float) -> Recording:
        return Recording(self.rate, self.millivolts[round(start_s * self.rate) : round(end_s * self.rate)])

    def decimated(self, rate: int) -> Recording:
        """At a lower rate, by the mean of each group of samples (a crude low-pass, the same for every use of it)."""
        group = self.rate // rate
        whole = len(self.millivolts) // group * group
        return Recording(rate, self.millivolts[:whole].reshape(-1, group, 8).mean(axis=1))


def read(path: str | Path) -> Recording:
    header = Path(path).with_suffix(".hea")
    lines = [line for line in header.read_text().splitlines() if line.strip() and not line.startswith("#")]
    count, rate = int(lines[0].split()[1]), float(lines[0].split()[2].split("/")[0])
    signals = [line.split() for line in lines[1 : 1 + count]]
    if {s[1].split("+")[0] for s in signals} != {"16"} or len({s[0] for s in signals}) != 1:
        raise ValueError(f"{header}: only format 16 in one file is read here")
    raw = np.fromfile(header.parent / signals[0][0], "<i2").reshape(-1, count)
    by_lead = {}
    for column, fields in enumerate(signals):
        gain, _, unit = fields[2].partition("/")
        scale, _, baseline = gain.partition("(")
        zero = float(baseline.rstrip(")")) if baseline else float(fields[4])
        to_mv = {"": 1.0, "mV": 1.0, "uV": 1e-3}[unit]
        by_lead[fields[8]] = (raw[:, column] - zero) / float(scale) * to_mv
    return Recording(round(rate), np.stack([by_lead[lead] for lead in LEADS8], axis=1))


def joined(recordings: list[Recording]) -> Recording:
    if len({r.rate for r in recordings}) != 1:
        raise ValueError("records played back to back must share one sampling rate")
    return Recording(recordings[0].rate, np.concatenate([r.millivolts for r in recordings]))


def write(path: Path, recording: Recording) -> Path:
    """All twelve leads at 1 µV per LSB; the four derived ones by their definitions."""
    i, ii = recording.millivolts[:, 0], recording.millivolts[:, 1]
    derived = {"III": ii - i, "aVR": -(i + ii) / 2, "aVL": i - ii / 2, "aVF": ii - i / 2}
    measured = dict(zip(LEADS8, recording.millivolts.T, strict=True))
    columns = np.stack([(measured | derived)[lead] for lead in LEADS12], axis=1)
    raw = np.rint(columns * 1000).astype("<i2")
    raw.tofile(path.with_suffix(".dat"))
    lines = [f"{path.stem} 12 {recording.rate} {len(raw)}"]
    for column, lead in enumerate(LEADS12):
        checksum = int(raw[:, column].astype(np.int64).sum()) & 0xFFFF
        checksum -= 0x10000 if checksum > 0x7FFF else 0
        lines.append(f"{path.stem}.dat 16 1000(0)/mV 16 0 {raw[0, column]} {checksum} 0 {lead}")
    path.with_suffix(".hea").write_text("\n".join(lines) + "\n")
    return path.with_suffix("")
