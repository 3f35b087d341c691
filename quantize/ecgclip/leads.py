"""The twelve standard leads and how they hang together."""

from __future__ import annotations

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def _derivation() -> np.ndarray:
    """12 x 8: all leads from the independent ones (III = II - I, aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2)."""
    matrix = np.zeros((12, 8))
    matrix[0, 0] = matrix[1, 1] = 1
    matrix[2, :2] = -1, 1
    matrix[3, :2] = -0.5, -0.5
    matrix[4, :2] = 1, -0.5
    matrix[5, :2] = -0.5, 1
    matrix[6:, 2:] = np.eye(6)
    return matrix


DERIVATION = _derivation()
KEPT = [LEADS.index(lead) for lead in INDEPENDENT]
