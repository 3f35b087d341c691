"""A room with Bluetooth in it: the host's adapter behind a pseudo-terminal (HCI H4), and ECG devices on the same air.

    python virtual_radio.py ADAPTER_PATH '[{"address": "C0:FF:EE:00:00:01", "name": "ecg-1"}]'

One JSON object a line comes on stdin, {"do": ..., "device": N}, and one goes back when it is done.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

from bumble import hci, ll
from bumble.link import LocalLink
from bumble.transport.common import Transport
from bumble.transport.pty import open_pty_transport
from ecg_peripheral import EcgPeripheral, Options
from virtual_controller import VirtualController

ADAPTER_ADDRESS = "F0:F1:F2:F3:F4:F5"


class Room:
    def __init__(self, path: str, devices: list[Options]) -> None:
        self._path = path
        self._link = LocalLink()
        self._adapter = VirtualController("adapter", self._link, ADAPTER_ADDRESS)
        self._devices = [EcgPeripheral(self._link, options) for options in devices]
        self._pty: Transport | None = None
        self._adapter.pdu_passed = self._passed

    def _passed(self, sender: hci.Address, pdu: bytes) -> None:
        for device in self._devices:
            if device.controller.random_address == sender:
                device.passed(pdu)

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
        self._adapter.forget()

    async def reset(self, **_: Any) -> None:
        """Of itself, without a word to the host."""
        self._adapter.forget()

    async def hang(self, **_: Any) -> None:
        self._adapter.forget()
        self._adapter.deaf = True

    async def refuse_connections(self, yes: bool, **_: Any) -> None:
        self._adapter.connects = not yes

    async def leave(self, device: int, **_: Any) -> None:
        await self._devices[device].leave()
        self._devices[device].controller.lose_links()

    async def slip_away(self, device: int, **_: Any) -> None:
        """Out of reach as soon as somebody has connected."""
        self._devices[device].slips_away = True

    async def come_back(self, device: int, **_: Any) -> None:
        await self._devices[device].come_back()

    async def account(self, device: int, **_: Any) -> dict[str, Any]:
        return self._devices[device].account

    async def pass_by(self, **_: Any) -> None:
        """A stranger whose advertisement ends in the middle of a field: type 0x0A, TX power, without its value."""
        stranger = hci.Address("C1:22:33:44:55:66", hci.Address.RANDOM_DEVICE_ADDRESS)
        cut_short = ll.AdvExtInd(advertiser_address=stranger, data=bytes.fromhex("010a"), sid=0)
        for _ in range(20):
            self._link.send_advertising_pdu(self._devices[0].controller, cut_short)
            await asyncio.sleep(0.01)


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
