"""A room with Bluetooth in it: the host's adapter behind a pseudo-terminal (HCI H4), and ECG devices on the same air.

    python virtual_radio.py ADAPTER_PATH '[{"address": "C0:FF:EE:00:00:01", "name": "ecg-1"}]'

One JSON object a line comes on stdin, {"do": ..., "device": N}, and one goes back when it is done.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

from bumble.link import LocalLink
from bumble.transport.common import Transport
from bumble.transport.pty import open_pty_transport

sys.path.insert(0, str(Path(__file__).parent))
from ecg_peripheral import EcgPeripheral, Options  # noqa: E402
from virtual_controller import VirtualController  # noqa: E402

ADAPTER_ADDRESS = "F0:F1:F2:F3:F4:F5"


class Room:
    def __init__(self, path: str, devices: list[Options]) -> None:
        self._path = path
        self._link = LocalLink()
        self._adapter = VirtualController("adapter", self._link, ADAPTER_ADDRESS)
        self._devices = [EcgPeripheral(self._link, options) for options in devices]
        self._pty: Transport | None = None

    async def open(self) -> None:
        await self.plug()
        for device in self._devices:
            await device.start()

    async def plug(self, **_: Any) -> None:
        """A fresh adapter at the same place."""
        pty = self._pty = await open_pty_transport(self._path)
        self._adapter.deaf = False
        pty.source.set_packet_sink(self._adapter)
        self._adapter.host = pty.sink

    async def unplug(self, **_: Any) -> None:
        self._adapter.host = None
        if self._pty is not None:
            await self._pty.close()
        self._break_links()

    async def reset(self, **_: Any) -> None:
        """Of itself, without a word to the host."""
        self._break_links()

    async def hang(self, **_: Any) -> None:
        self._adapter.deaf = True
        self._break_links()

    async def refuse_connections(self, yes: bool, **_: Any) -> None:
        self._adapter.connects = not yes

    def _break_links(self) -> None:
        self._adapter.forget()
        for device in self._devices:
            for connection in list(device.controller.le_connections.values()):
                device.controller.lose(connection)

    async def leave(self, device: int, **_: Any) -> None:
        gone = self._devices[device]
        await gone.leave()
        for connection in list(gone.controller.le_connections.values()):
            here = self._adapter.le_connections.get(connection.self_address)
            gone.controller.lose(connection)
            if here is not None:
                self._adapter.lose(here)

    async def come_back(self, device: int, **_: Any) -> None:
        await self._devices[device].come_back()

    async def account(self, device: int, **_: Any) -> dict[str, Any]:
        asked = self._devices[device]
        return {"delivered": asked.delivered.spans, "sent": asked.sent, "lost": asked.lost, "block": asked.block}


async def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)
    room = Room(sys.argv[1], [Options(**options) for options in json.loads(sys.argv[2])])
    await room.open()
    print(json.dumps({"did": "open"}), flush=True)
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        answer = await getattr(room, order.pop("do"))(**order)
        print(json.dumps(answer or {}), flush=True)


asyncio.run(main())
