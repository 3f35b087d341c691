"""An independent client, PyPI's smpclient, against the SMP server of the C library, on a pseudo-terminal and over TCP."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import serial
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.mcuboot import IMAGE_TLV, ImageInfo
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport

FIRMWARE = Path(__file__).parents[3] / "firmware-bridge" / "firmware"
BOARD = FIRMWARE / "build" / "ecg-device-posix"
IMGTOOL = Path(sys.executable).parent / "imgtool"
SLOT = 128 * 1024

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or shutil.which("make") is None, reason="not installed: cc, make"
)


def make_image(folder: Path, version: str, size: int, *options: str) -> Path:
    body = folder / f"{version}.body"
    path = folder / f"{version}.bin"
    body.write_bytes(os.urandom(size))
    layout = ["--header-size", "0x200", "--pad-header", "--align", "8", "--slot-size", str(SLOT)]
    subprocess.run([IMGTOOL, "sign", *layout, "--version", version, *options, body, path], check=True)
    return path


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    subprocess.run(["make", "--no-print-directory", "-C", FIRMWARE, "posix"], check=True, capture_output=True)
    factory = make_image(tmp_path, "1.0.0", 5_000, "--pad", "--confirm")
    path = tmp_path / "flash.bin"
    path.write_bytes(factory.read_bytes() + b"\xff" * SLOT)
    return path


@contextmanager
def board(flash: Path, *options: str) -> Iterator[str]:
    """Yields where it is, as the gateway's --device takes it."""
    command = [BOARD, "--flash", flash, "--console", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@asynccontextmanager
async def connected(uri: str) -> AsyncIterator[SMPClient]:
    carrier, place = uri.split(":", 1)
    transport = SMPSerialTransport()
    if carrier == "tcp":  # pyserial's own way to a serial port behind a socket; smpclient opens names of ports only
        connection = serial.serial_for_url(f"socket://{place}", timeout=0, write_timeout=0)
        connection.out_waiting = 0  # a socket tells no such thing, and smpclient asks
        transport._conn = connection  # type: ignore[misc]
        client = SMPClient(transport, place, timeout_s=10)
        await client._initialize(10)
    else:
        client = SMPClient(transport, place, timeout_s=10)
        await client.connect(10)
    try:
        yield client
    finally:
        await client.disconnect()


async def use(uri: str, flash: Path, image: Path) -> None:
    content = image.read_bytes()
    digest = ImageInfo.load_file(str(image)).get_tlv(IMAGE_TLV.SHA256).value
    async with connected(uri) as client:
        echo = await client.request(EchoWrite(d="Grüße"))
        assert success(echo)
        assert echo.r == "Grüße"
        parameters = await client.request(MCUMgrParametersRead())
        assert success(parameters)
        assert (parameters.buf_size, parameters.buf_count) == (1008, 5)
        before = await client.request(ImageStatesRead())
        assert success(before)
        assert [(i.slot, i.version, i.active, i.confirmed) for i in before.images] == [(0, "1.0.0", True, True)]

        offsets = [offset async for offset in client.upload(content)]
        assert offsets[-1] == len(content)
        assert flash.read_bytes()[SLOT : SLOT + len(content)] == content
        tested = await client.request(ImageStatesWrite(hash=digest, confirm=False))
        assert success(tested)
        assert [(i.slot, i.pending) for i in tested.images] == [(0, False), (1, True)]
        assert success(await client.request(ResetWrite()))
        await asyncio.sleep(1)

        trial = await client.request(ImageStatesRead())
        assert success(trial)
        assert [(i.slot, i.active, i.confirmed) for i in trial.images] == [(0, False, True), (1, True, False)]
        erased = await client.request(ImageErase())
        assert not success(erased), "it holds what the trial would return to"
        confirmed = await client.request(ImageStatesWrite(hash=digest, confirm=True))
        assert success(confirmed)
        assert [(i.slot, i.active, i.confirmed) for i in confirmed.images] == [(0, False, True), (1, True, True)]
        assert success(await client.request(ImageErase()))
    assert hashlib.sha256(flash.read_bytes()[SLOT : SLOT + len(content)]).digest() == hashlib.sha256(content).digest()
    assert set(flash.read_bytes()[:SLOT]) == {0xFF}


@pytest.mark.parametrize("options", [(), ("--tcp", "0")], ids=["pseudo-terminal", "TCP"])
def test_upload_test_reset_confirm(flash: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    image = make_image(tmp_path, "1.1.0", 20_001)
    with board(flash, *options) as uri:
        asyncio.run(use(uri, flash, image))
