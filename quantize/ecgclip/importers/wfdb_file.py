"""One WFDB record in millivolts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import wfdb

from ecgclip.data.records import Floats
from ecgclip.importers.leads import eight_leads

PER_MV = {"mV": 1.0, "uV": 1e-3, "V": 1e3}  # millivolts in one of these


def read_wfdb(header: Path, rename: Mapping[str, str] | None = None) -> tuple[Floats, float, list[str]]:
    """[8, n] mV with NaN for absent leads, Hz, and the comments of the header; other signals are left out.

    `rename` gives a lead's name for a signal's name, where a file's own says nothing ("ECG1"). Where a file gives one
    name to several signals they are numbered first: ECG, ECG are ECG1, ECG2.
    """
    try:
        record = wfdb.rdrecord(str(header.with_suffix("")))
    except (IndexError, KeyError, TypeError) as error:  # how wfdb meets half a header
        raise ValueError(f"{header.name} is damaged: {error}") from error
    if not record.sig_name:
        raise ValueError("it has no signals")
    own = [
        f"{name}{record.sig_name[: k + 1].count(name)}" if record.sig_name.count(name) > 1 else name
        for k, name in enumerate(record.sig_name)
    ]
    names, rows = [], []
    for k, (name, unit) in enumerate(zip(own, record.units, strict=True)):
        if unit in PER_MV:
            names.append((rename or {}).get(name, name))
            rows.append(record.p_signal[:, k] * PER_MV[unit])
    if not rows:
        raise ValueError(f"no signal is in {', '.join(PER_MV)}: units are {record.units}")
    return eight_leads(names, np.stack(rows)), float(record.fs), list(record.comments)
