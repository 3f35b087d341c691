"""Uploads an image with PyPI's smpclient, one part at a time, and prints bytes per second.

    pip install smpclient
    python bench/peers/smpclient_upload.py PORT IMAGE

Parts are as long as the server's buffer, as smpclient makes them by itself. The device's free slot is erased first.
"""

import asyncio
import sys
import time
from pathlib import Path

from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageErase
from smpclient.transport.serial import SMPSerialTransport


async def main(port: str, image: bytes) -> float:
    async with SMPClient(SMPSerialTransport(), port, timeout_s=10) as client:
        assert success(await client.request(ImageErase(), timeout_s=40))
        begun = time.perf_counter()
        async for _ in client.upload(image):
            pass
        return len(image) / (time.perf_counter() - begun)


print(round(asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_bytes()))))
