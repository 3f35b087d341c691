"""A bundle as the one file that is sent to gateways: a gzip of a tar, manifest and signature first."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

from ecgclip.errors import EcgclipError
from ecgclip.whole_file import whole_file

HEAD = ("manifest.json", "manifest.sig")  # a gateway checks them before it reads on


def pack(folder: Path, archive: Path) -> None:
    """Write the signed bundle in `folder` as `.tar.gz`; the same bundle gives the same bytes."""
    for name in HEAD:
        if not (folder / name).is_file():
            raise EcgclipError(f"{folder} has no {name}: it is no signed bundle.")
    others = sorted(path.name for path in folder.iterdir() if path.name not in HEAD)
    with (
        whole_file(archive) as draft,
        draft.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in (*HEAD, *others):
            tar.add(folder / name, arcname=name, recursive=False, filter=_anonymous)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of the machine that packs it."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry
