"""The committed vectors are what their generator writes."""

import subprocess
import sys
from pathlib import Path

GENERATOR = Path(__file__).parents[3] / "firmware-bridge/vectors/make_ecg_link_vectors.py"


def test_committed_vectors_are_current() -> None:
    check = subprocess.run([sys.executable, str(GENERATOR), "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
