"""A bundle: manifest, signature, models, goldens and card in one folder (schema urn:ecgclip:bundle:1)."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from scipy.signal import firwin

from ecgclip.errors import EcgclipError

SCHEMA = "urn:ecgclip:bundle:1"
QUALITY = "quality.json"
TAP_DIGITS = 9  # relative 1e-9 is far below a 24-bit converter's step, and halves the manifest


def resampling(device_rate: int, rate: int) -> dict[str, object]:
    """Kaiser low-pass (beta 5, 10 zero crossings each side) at the lower Nyquist frequency, gain `up`."""
    divisor = math.gcd(device_rate, rate)
    up, down = rate // divisor, device_rate // divisor
    longest = max(up, down)
    taps = firwin(2 * 10 * longest + 1, 1 / longest, window=("kaiser", 5.0)) * up
    return {"from": device_rate, "up": up, "down": down, "taps": [float(f"{tap:.{TAP_DIGITS}g}") for tap in taps]}


def file_entry(path: Path) -> dict[str, object]:
    """Hash and size of one file."""
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def canonical_json(value: object) -> bytes:
    """RFC 8785: sorted keys, no spaces, numbers as ECMAScript prints them."""
    content: bytes = rfc8785.dumps(value)
    return content


def default_key_path() -> Path:
    """Private keys live with the user, never in a repository."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "ecgclip" / "signing-key.pem"


def load_or_make_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key (PKCS #8 PEM); make one, readable by its owner only, where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise EcgclipError(f"{path} is no Ed25519 private key.")
    return key


def key_id(public: Ed25519PublicKey) -> str:
    """First 16 hex digits of the SHA-256 of the raw 32-byte public key."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def publish_key(public: Ed25519PublicKey, folder: Path) -> Path:
    """Write the public key where those who trust it find it: `<key id>.pem`, SubjectPublicKeyInfo."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key_id(public)}.pem"
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return path


def sign(folder: Path, manifest: dict[str, object], key: Ed25519PrivateKey) -> None:
    """Complete the manifest with the folder's files, write it, and sign its bytes."""
    names = sorted(path.name for path in folder.iterdir() if path.name not in {"manifest.json", "manifest.sig"})
    content = canonical_json({**manifest, "files": {name: file_entry(folder / name) for name in names}})
    signature = {"key": key_id(key.public_key()), "sig": base64.b64encode(key.sign(content)).decode()}
    (folder / "manifest.json").write_bytes(content)
    (folder / "manifest.sig").write_bytes(canonical_json(signature))


def verify(folder: Path, public: Ed25519PublicKey) -> dict[str, object]:
    """Read a manifest after checking its signature and every file; raises when anything differs."""
    content = (folder / "manifest.json").read_bytes()
    signature = json.loads((folder / "manifest.sig").read_text())
    public.verify(base64.b64decode(signature["sig"]), content)
    manifest: dict[str, object] = json.loads(content)
    files = manifest["files"]
    assert isinstance(files, dict)
    for name, entry in files.items():
        if file_entry(folder / name) != entry:
            raise EcgclipError(f"{folder / name} is not the file that was signed.")
    return manifest


def write_heads(folder: Path, weights: np.ndarray, biases: np.ndarray) -> dict[str, object]:
    """`heads.bin`: float32 weights [tasks, 2 x channels], then biases [tasks]. Return its entry of the manifest."""
    (folder / "heads.bin").write_bytes(np.concatenate([weights.ravel(), biases]).astype("<f4").tobytes())
    return {"file": "heads.bin", "pooling": "mean-max", "channels": weights.shape[1] // 2}


def add_quality(folder: Path, path: Path) -> dict[str, object]:
    """Put a quality model into the bundle. Return its entry of the manifest."""
    try:
        model = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EcgclipError(f"Cannot read the quality model {path}: {error}.") from error
    (folder / QUALITY).write_bytes(canonical_json(model))
    return {"quality": {"file": QUALITY}}


def write_goldens(folder: Path, windows: np.ndarray, expected: dict[str, np.ndarray]) -> None:
    """`goldens.bin`: int16 microvolts; `goldens.json`: probabilities by variant file, window and task."""
    (folder / "goldens.bin").write_bytes(np.ascontiguousarray(windows, "<i2").tobytes())
    rounded = {file: [[round(float(p), 6) for p in row] for row in rows] for file, rows in expected.items()}
    (folder / "goldens.json").write_text(json.dumps(rounded, separators=(",", ":")))
