"""The SMP service of a Bluetooth device (Zephyr, "SMP transport specification"), in front of a server on a console."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import cbor2
from bumble.device import Connection, Device
from bumble.gatt import Attribute, Characteristic, CharacteristicValue, Service
from smp import packet as console

SERVICE = "8d53dc1d-1db7-4cd3-868b-8a527460aa84"
CHARACTERISTIC = "da2e7828-fbce-4e01-ae9e-261174997c48"
ATT_HEADER = 3
HEADER = struct.Struct(">BBHHBB")  # operation, flags, length, group, sequence, command
OS_RESET, OS_PARAMETERS = (0, 5), (0, 6)  # group, command
CONSOLE_OVERHEAD = 4  # of a server's buffer: length and CRC
DROPPED_AFTER_RESET = 0.1  # s


class SmpService:
    """Messages are put together from writes, and cut into notifications. A reset ends the connection, as on a device."""

    def __init__(self, device: Device, place: str) -> None:
        self._device = device
        self._place = place
        self._pending = b""
        self._host: Connection | None = None
        self._characteristic: Characteristic[Any] = Characteristic(
            CHARACTERISTIC,
            Characteristic.Properties.WRITE_WITHOUT_RESPONSE | Characteristic.Properties.NOTIFY,
            Attribute.Permissions.WRITEABLE,
            CharacteristicValue(write=self._heard),
        )
        device.add_service(Service(SERVICE, [self._characteristic]))

    async def start(self) -> None:
        host, port = self._place.rsplit(":", 1)
        self._server, self._console = await asyncio.open_connection(host, int(port))
        self._answering = asyncio.create_task(self._answer())

    def _heard(self, connection: Connection, data: bytes) -> None:
        if connection is not self._host:
            self._host, self._pending = connection, b""
        self._pending += data
        if len(self._pending) < HEADER.size:
            return
        length = HEADER.size + HEADER.unpack_from(self._pending)[2]
        if len(self._pending) < length:
            return
        message, self._pending = self._pending[:length], b""
        for line in console.encode(message):
            self._console.write(line)

    async def _answer(self) -> None:
        while True:
            message = await self._message()
            host = self._host
            if host is None:
                continue
            *_, group, _, command = HEADER.unpack_from(message)
            if (group, command) == OS_PARAMETERS:
                message = _less_room(message)
            room = host.att_mtu - ATT_HEADER
            for start in range(0, len(message), room):
                await self._device.notify_subscriber(host, self._characteristic, message[start : start + room])
            if (group, command) == OS_RESET:
                await asyncio.sleep(DROPPED_AFTER_RESET)
                await host.disconnect()

    async def _message(self) -> bytes:
        decoder = console.decode()
        next(decoder)
        while True:
            line = await self._server.readuntil(b"\n")
            try:
                if line.startswith((console.START_DELIMITER, console.CONTINUE_DELIMITER)):
                    decoder.send(line)
            except StopIteration as complete:
                return bytes(complete.value)


def _less_room(message: bytes) -> bytes:
    body = cbor2.loads(message[HEADER.size :])
    body["buf_size"] -= CONSOLE_OVERHEAD
    operation, flags, _, *rest = HEADER.unpack_from(message)
    encoded = cbor2.dumps(body)
    return HEADER.pack(operation, flags, len(encoded), *rest) + encoded
