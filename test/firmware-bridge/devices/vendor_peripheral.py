"""A Polar H10 or a Movesense behind bumble's GATT server, and the host's adapter behind a pseudo-terminal (HCI H4).

    python vendor_peripheral.py ADAPTER_PATH '{"vendor": "polar-h10", "loss": 0.3}'

Written from polar-ble-sdk and the GSP page of movesense.com, not from the drivers. One JSON object a line comes on stdin,
{"do": "account" | "leave" | "come_back"}, and one goes back when it is done.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import struct
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "ble"))

from bumble import hci
from bumble.core import AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Attribute, Characteristic, CharacteristicValue, Service
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink
from bumble.transport.pty import open_pty_transport
from virtual_controller import VirtualController

ADAPTER_ADDRESS = "F0:F1:F2:F3:F4:F5"
ADDRESS = "C0:FF:EE:00:00:07"
TICK = 0.005  # s
READ_NOTHING = Attribute.Permissions(0)
WRITEABLE = Attribute.Permissions.WRITEABLE
Properties = Characteristic.Properties


def value(index: int) -> int:
    """As `countingValue` of the TypeScript tests, channel 0: says where it belongs."""
    return ((index % 4000 + 1) * 8) * (-1 if index % 2 else 1)


class Polar:
    """130 Hz; frames shorter than an H10's, so that a test has many."""

    rate, per_packet = 130.06, 13
    name = "Polar H10 7E1B2C3D"
    service = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"

    def __init__(self, write: CharacteristicValue[Any]) -> None:
        control = Properties.WRITE | Properties.INDICATE
        self.answers = Characteristic("fb005c81-02e7-f387-1cad-8acd2d8df0c8", control, WRITEABLE, write)
        self.data = Characteristic("fb005c82-02e7-f387-1cad-8acd2d8df0c8", Properties.NOTIFY, READ_NOTHING, b"")
        self.characteristics = [self.answers, self.data]

    def heard(self, command: bytes) -> tuple[bytes | None, bool | None]:
        if command == bytes.fromhex("02000001820001010e00"):
            return bytes.fromhex("f002000000"), True
        if command == bytes.fromhex("0300"):
            return bytes.fromhex("f003000000"), False
        return None, None

    def packet(self, first: int) -> bytes:
        last = first + self.per_packet - 1
        stamp = 599616000_000000000 + int(last * 1e9 / self.rate)
        values = b"".join(value(first + i).to_bytes(3, "little", signed=True) for i in range(self.per_packet))
        return struct.pack("<BQB", 0, stamp, 0) + values


class Movesense:
    rate, per_packet = 128.0, 16
    name = "Movesense 174630000192"
    service = "34802252-7185-4d5d-b431-630e7050e8f0"

    def __init__(self, write: CharacteristicValue[Any]) -> None:
        commands = Characteristic("34800001-7185-4d5d-b431-630e7050e8f0", Properties.WRITE, WRITEABLE, write)
        self.data = Characteristic("34800002-7185-4d5d-b431-630e7050e8f0", Properties.NOTIFY, READ_NOTHING, b"")
        self.answers = self.data
        self.characteristics = [commands, self.data]
        self.reference = 0

    def heard(self, command: bytes) -> tuple[bytes | None, bool | None]:
        code, reference, rest = command[0], command[1], command[2:]
        if code == 0:
            texts = b"174630000192\0Movesense\x0074-92-BA-10-F7-D3\0gatt_sensordata\x002.3.1\0"
            return bytes([1, reference, 1]) + texts, None
        if code == 1 and rest.rstrip(b"\0") == b"/Meas/ECG/128":
            self.reference = reference
            return bytes([1, reference]) + struct.pack("<H", 200), True
        if code == 2 and reference == self.reference:
            return bytes([1, reference]) + struct.pack("<H", 200), False
        return bytes([1, reference]) + struct.pack("<H", 404), None

    def packet(self, first: int) -> bytes:
        stamp = 5000 + round(first * 1000 / self.rate)
        values = [value(first + i) for i in range(self.per_packet)]
        return struct.pack(f"<BBI{self.per_packet}i", 2, self.reference, stamp, *values)


VENDORS = {"polar-h10": Polar, "movesense": Movesense}


class Room:
    def __init__(self, path: str, vendor: str, loss: float = 0.0) -> None:
        self._path = path
        self._loss = loss
        self._random = random.Random(1)
        self._link = LocalLink()
        self._adapter = VirtualController("adapter", self._link, ADAPTER_ADDRESS)
        self._controller = VirtualController("peripheral", self._link, ADDRESS)
        self._sensor = VENDORS[vendor](CharacteristicValue(write=self._heard))
        host = Host(self._controller, AsyncPipeSink(self._controller))
        address = hci.Address(ADDRESS, hci.Address.RANDOM_DEVICE_ADDRESS)
        self._device = Device(self._sensor.name, address, host=host)
        self._device.add_service(Service(self._sensor.service, self._sensor.characteristics))
        self._device.on("connection", self._connected)
        self._host: Connection | None = None
        self._streaming = False
        self._here = True
        self.sent = self.lost = 0

    async def open(self) -> None:
        pty = await open_pty_transport(self._path)
        pty.source.set_packet_sink(self._adapter)
        self._adapter.host = pty.sink
        await self._device.power_on()
        await self._advertise()
        self._measuring = asyncio.create_task(self._measure())

    async def _advertise(self) -> None:
        name = (AdvertisingData.COMPLETE_LOCAL_NAME, self._sensor.name.encode())
        await self._device.start_advertising(advertising_data=bytes(AdvertisingData([name])))

    def _connected(self, connection: Connection) -> None:
        self._host = connection
        connection.on("disconnection", self._disconnected)

    def _disconnected(self, _reason: int) -> None:
        self._host = None
        self._streaming = False
        if self._here:
            asyncio.get_running_loop().create_task(self._advertise())

    def _heard(self, connection: Connection, command: bytes) -> None:
        answer, streaming = self._sensor.heard(bytes(command))
        if streaming is not None:
            self._streaming = streaming
            self._began, self._next = time.monotonic(), 0
        if answer is None:
            return
        indicated = bool(self._sensor.answers.properties & Properties.INDICATE)
        send = self._device.indicate_subscriber if indicated else self._device.notify_subscriber
        asyncio.get_running_loop().create_task(send(connection, self._sensor.answers, answer))

    async def _measure(self) -> None:
        sensor = self._sensor
        while True:
            await asyncio.sleep(TICK)
            while self._streaming and self._host is not None:
                if self._next + sensor.per_packet > (time.monotonic() - self._began) * sensor.rate:
                    break
                packet = sensor.packet(self._next)
                self._next += sensor.per_packet
                self.sent += 1
                if self.sent > 1 and self._random.random() < self._loss:
                    self.lost += 1
                else:
                    await self._device.notify_subscriber(self._host, sensor.data, packet)

    async def account(self) -> dict[str, Any]:
        return {"sent": self.sent, "lost": self.lost, "streaming": self._streaming}

    async def leave(self) -> None:
        """Out of reach: both ends hear it when nothing has come for the supervision timeout."""
        self._here = False
        for connection in list(self._controller.le_connections.values()):
            here = self._adapter.le_connections.get(connection.self_address)
            self._controller.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            if here is not None:
                self._adapter.on_le_disconnected(here, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    async def come_back(self) -> None:
        self._here = True
        await self._advertise()


async def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)
    room = Room(sys.argv[1], **json.loads(sys.argv[2]))
    await room.open()
    print(json.dumps({"did": "open"}), flush=True)
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        answer = await getattr(room, json.loads(line)["do"])()
        print(json.dumps(answer or {}), flush=True)


asyncio.run(main())
