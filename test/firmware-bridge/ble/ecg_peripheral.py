"""An ECG Link device behind bumble's GATT server, with the truth about what it sent (spec/ecg-link.md, BLE GATT)."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bumble import hci
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Attribute, Characteristic, CharacteristicValue, Service
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink
from smp_service import SmpService
from virtual_controller import VirtualController

sys.path.insert(0, str(Path(__file__).parents[3] / "firmware-bridge" / "vectors"))
from ecg_link import BadFrame, Packet, decode_packet, encode_packet

SERVICE = "7e0c0001-5ec6-4c1b-9d3a-0ec91b9a7e01"
TO_HOST = "7e0c0002-5ec6-4c1b-9d3a-0ec91b9a7e01"
FROM_HOST = "7e0c0003-5ec6-4c1b-9d3a-0ec91b9a7e01"
LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
L2CAP_HEADER, ATT_HEADER, PACKET_OVERHEAD, SAMPLES_HEADER = 4, 3, 16, 14
NOTIFICATION = 0x1B
TICK = 0.005  # s
ADVERTISE_EVERY = 100  # ms


@dataclass(frozen=True)
class Options:
    address: str
    name: str = "ecg"
    mtu: int = 247
    rate: int = 500
    channels: int = 8
    value_bytes: int = 3
    retain: int = 0
    loss: float = 0.0  # of notifications: sent, but never received
    speed: float = 1.0  # of its clock: a test of 10 s windows need not take 10 s
    service: str = SERVICE
    advertised: bool = True  # its service, beside its name
    smp: str = ""  # HOST:PORT of the console to which its SMP service passes everything on; none without
    seed: int = 1


def value(index: int, channel: int) -> int:
    """As `countingValue` of the TypeScript tests: says where it belongs."""
    return ((index % 4000 + 1) * 8 + channel) * (-1 if index % 2 else 1)


@dataclass
class Ranges:
    """Consecutive samples, as [first, count] in the order of sending."""

    spans: list[list[int]] = field(default_factory=list)

    def add(self, first: int, count: int) -> None:
        if self.spans and sum(self.spans[-1]) == first:
            self.spans[-1][1] += count
        else:
            self.spans.append([first, count])


class EcgPeripheral:
    def __init__(self, link: LocalLink, options: Options) -> None:
        self.options = options
        self.controller = VirtualController(options.name, link, options.address)
        self.delivered = Ranges()
        self.sent = self.lost = 0
        self._random = random.Random(options.seed)
        self._boot = time.monotonic()
        self._boot_id = self._random.getrandbits(32)
        self._next = 0
        self._sequence = 0
        self._host: Connection | None = None
        self._streaming = False
        self._within_reach = True
        self.slips_away = False
        self._build_device()

    def _build_device(self) -> None:
        address = hci.Address(self.options.address, hci.Address.RANDOM_DEVICE_ADDRESS)
        host = Host(self.controller, AsyncPipeSink(self.controller))
        self._device = Device(self.options.name, address, host=host)
        self._to_host: Characteristic[Any] = Characteristic(
            TO_HOST, Characteristic.Properties.NOTIFY, Attribute.Permissions(0), b""
        )
        from_host: Characteristic[Any] = Characteristic(
            FROM_HOST,
            Characteristic.Properties.WRITE_WITHOUT_RESPONSE,
            Attribute.Permissions.WRITEABLE,
            CharacteristicValue(write=self._heard),
        )
        self._device.add_service(Service(self.options.service, [self._to_host, from_host]))
        self._smp = SmpService(self._device, self.options.smp) if self.options.smp else None
        self._device.gatt_server.max_mtu = self.options.mtu
        self._device.on("connection", self._connected)

    # -- radio --

    async def start(self) -> None:
        await self._device.power_on()
        if self._smp:
            await self._smp.start()
        await self._advertise()
        self._sampling = asyncio.create_task(self._sample())

    async def _advertise(self) -> None:
        data = [(AdvertisingData.COMPLETE_LOCAL_NAME, self.options.name.encode())]
        if self.options.advertised:
            uuid = UUID(self.options.service).to_bytes()
            data.append((AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, uuid))
        await self._device.start_advertising(
            advertising_data=bytes(AdvertisingData(data)),
            advertising_interval_min=ADVERTISE_EVERY,
            advertising_interval_max=ADVERTISE_EVERY,
        )

    def _connected(self, connection: Connection) -> None:
        self._host = connection
        self._streaming = False
        connection.on("disconnection", self._disconnected)
        if self.slips_away:
            self.slips_away = False
            self._slipping = asyncio.get_running_loop().create_task(self._slip_away())

    def _disconnected(self, _reason: int) -> None:
        self._host = None
        self._streaming = False
        if self._within_reach:
            asyncio.get_running_loop().create_task(self._advertise())

    async def leave(self) -> None:
        """Goes out of reach, where it samples on."""
        self._within_reach = False
        if self._device.is_advertising:
            await self._device.stop_advertising()

    async def _slip_away(self) -> None:
        await self.leave()
        self.controller.lose_links()

    async def come_back(self) -> None:
        self._within_reach = True
        if self._host is None:
            await self._advertise()

    # -- ECG Link --

    def _now(self) -> int:
        return int((time.monotonic() - self._boot) * self.options.speed * 1e6)

    def _send(self, kind: str, fields: dict[str, Any], clock: int | None = None) -> None:
        if self._host is None:
            return
        packet = Packet(kind, self._sequence & 0xFFFF, self._now() if clock is None else clock, fields)
        self._sequence += 1
        self.sent += 1
        if self._random.random() < self.options.loss:
            self.lost += 1
            return
        notifying = self._device.notify_subscriber(self._host, self._to_host, encode_packet(packet))
        asyncio.get_running_loop().create_task(notifying)

    def passed(self, pdu: bytes) -> None:
        """A PDU of ours has reached the host's controller."""
        att = pdu[L2CAP_HEADER:]
        if att[0] != NOTIFICATION or int.from_bytes(att[1:3], "little") != self._to_host.handle:
            return
        packet = decode_packet(att[ATT_HEADER:])
        if packet.type == "SAMPLES":
            self.delivered.add(packet.fields["first"], packet.fields["count"])

    def _heard(self, _connection: Connection, data: bytes) -> None:
        try:
            packet = decode_packet(bytes(data))
        except BadFrame:
            return
        match packet.type:
            case "HELLO_REQ":
                self._send("HELLO", {"map": self._hello()})
            case "TIME_REQ":
                now = self._now()
                self._send("TIME_RSP", {"t0": packet.fields["t0"], "t1": now, "t2": now})
            case "START" | "STOP" as kind:
                self._streaming = kind == "START"
                self._send("ACK", {"acknowledged": 3 if self._streaming else 4, "status": 0})
            case "RESEND":
                self._resend(packet.fields["first"], packet.fields["count"])

    def _hello(self) -> dict[str, Any]:
        options = self.options
        return {
            "id": options.name,
            "model": "virtual",
            "fw": "1.0.0",
            "boot": self._boot_id,
            "rate_mhz": options.rate * 1000,
            "lsb_pv": 1_000_000,
            "leads": list(LEADS[: options.channels]),
            "retain": options.retain,
            "caps": ["time"] + (["resend"] if options.retain else []),
        }

    @property
    def block(self) -> int:
        """Samples that fit one notification."""
        room = self._host.att_mtu - ATT_HEADER - PACKET_OVERHEAD - SAMPLES_HEADER if self._host else 0
        return room // (self.options.channels * self.options.value_bytes)

    @property
    def account(self) -> dict[str, Any]:
        return {
            "delivered": self.delivered.spans,
            "sent": self.sent,
            "lost": self.lost,
            "block": self.block,
            "streaming": self._streaming,
        }

    async def _sample(self) -> None:
        while True:
            due = self._now() * self.options.rate // 1_000_000
            if not self._streaming or self.block == 0:
                self._next = due
            while self._streaming and self._next + self.block <= due:
                self._send_samples(self._next, self.block, 0)
                self._next += self.block
            await asyncio.sleep(TICK)

    def _send_samples(self, first: int, count: int, flags: int) -> None:
        channels = self.options.channels
        values = [value(first + s, c) for s in range(count) for c in range(channels)]
        fields = {"first": first, "count": count, "channels": channels, "electrodesOff": 0, "flags": flags}
        clock = int(first * 1e6 / self.options.rate)
        self._send("SAMPLES", {**fields, "bytesPerValue": self.options.value_bytes, "values": values}, clock)

    def _resend(self, first: int, count: int) -> None:
        oldest = self._next - self.options.retain
        if first < oldest:
            gone = min(count, oldest - first)
            self._send("LOST", {"first": first, "count": gone})
            first, count = first + gone, count - gone
        while count > 0:
            size = min(count, self.block)
            self._send_samples(first, size, 1)
            first, count = first + size, count - size
