"""The emulated device again, in simulated time: a day of it takes a minute, and every instant is known to the microsecond.

The device is written from the specification; the host is the product's, behind a pipe that is its clock.
"""

from __future__ import annotations

import base64
import json
import random
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cbor2
import numpy as np
import numpy.typing as npt

import ecg_link_emulator as link

HOST = Path(__file__).parents[2] / "dist/test/acceptance/host-in-simulated-time.js"
LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
RUNNING_SINCE_US = 3_000_000  # the device had been up before the host came: their clocks have nothing in common


@dataclass(frozen=True)
class Scenario:
    rate: int = 500
    block: int = 14
    drift_ppm: float = 0.0
    loss: float = 0.0  # of frames, each way
    jitter_us: float = 3000.0  # a frame is under way for 200 µs and up to so much more; none overtakes another
    retain: int = 5000  # what it says that it keeps
    keeps: int = 5000
    withhold: bool = False  # a device that says it resends, and never does
    reboots: tuple[int, ...] = ()  # host time, µs
    seed: int = 1


@dataclass(frozen=True)
class Window:
    """As the gateway has it; times in host µs."""

    boot: int
    index: int
    first: int
    count: int
    missing: int
    at: float
    uncertainty: float
    emitted: float


@dataclass
class Boot:
    """One life of the device, and the truth about it."""

    id: int
    began: float  # host time of device time 0, µs
    sent_to: int = 0
    arrivals: list[tuple[float, int, int]] = field(default_factory=list)  # host time, first sample, count
    lost: list[tuple[float, int, int]] = field(default_factory=list)  # as above, of LOST

    def missing(self, first: int, count: int, until: float) -> int:
        absent = np.ones(count, bool)
        for at, start, size in self.arrivals:
            if at <= until and start < first + count and start + size > first:
                absent[max(0, start - first) : start + size - first] = False
        return int(absent.sum())


@dataclass(frozen=True)
class Request:
    at: float  # host time, µs
    first: int
    end: int


class SimulatedLink:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.now = 0.0
        self.boots: list[Boot] = []
        self.windows: list[Window] = []
        self.requests: list[Request] = []
        self.counters: dict[str, int] = {}
        self._pace = 1 + scenario.drift_ppm * 1e-6
        self._random = random.Random(scenario.seed)
        self._sequence = 0
        self._streaming = False
        # Arrival, frame, and where the truth about its samples is kept once it has arrived.
        self._to_host: list[tuple[float, bytes, list[tuple[float, int, int]] | None, tuple[int, int]]] = []
        self._to_device: list[tuple[float, link.Packet]] = []
        self._framer = link.Framer()
        self._reboots = list(scenario.reboots)
        self._host = subprocess.Popen(["node", str(HOST)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._boot(-RUNNING_SINCE_US)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host.communicate(timeout=30)

    @property
    def boot(self) -> Boot:
        return self.boots[-1]

    def taken_at(self, boot: Boot, sample: int) -> float:
        """The truth: host time at which a sample was taken, µs."""
        return boot.began + sample * 1e6 / (self.scenario.rate * self._pace)

    # -- the device --

    def _boot(self, began: float) -> None:
        self.boots.append(Boot(self._random.getrandbits(32), began))
        self._sequence = 0
        self._streaming = False
        self._hello()

    def _clock(self) -> int:
        return int((self.now - self.boot.began) * self._pace)

    def _taken(self) -> int:
        """How many samples have been taken since boot."""
        return int((self.now - self.boot.began) * self._pace * self.scenario.rate / 1e6) + 1

    def _send(self, kind: int, payload: bytes, time_us: int | None = None, samples: tuple[int, int] = (0, 0)) -> None:
        packet = link.Packet(kind, self._sequence, self._clock() if time_us is None else time_us, payload)
        self._sequence += 1
        if self._random.random() < self.scenario.loss:
            return
        told = {link.SAMPLES: self.boot.arrivals, link.LOST: self.boot.lost}.get(kind)
        self._to_host.append((self._arrival(self._to_host), link.frame(packet), told, samples))

    def _arrival(self, line: list[Any]) -> float:
        after = self.now + 200 + self._random.uniform(0, self.scenario.jitter_us)
        return max(after, line[-1][0]) if line else after

    def _hello(self) -> None:
        hello = {
            "id": "simulated",
            "model": "acceptance",
            "fw": "1.0.0",
            "boot": self.boot.id,
            "rate_mhz": self.scenario.rate * 1000,
            "lsb_pv": 1_000_000,
            "leads": list(LEADS),
            "retain": self.scenario.retain,
            "caps": ["resend", "time"],
        }
        self._send(link.HELLO, cbor2.dumps(hello))

    def _samples(self, first: int, count: int, again: bool) -> None:
        values: npt.NDArray[np.int64] = (np.arange(first, first + count)[:, None] * 8 + np.arange(8)) % 60_000 - 30_000
        head = struct.pack("<QBBHBB", first, count, len(LEADS), 0, int(again), 2)
        time_us = round(first * 1e6 / self.scenario.rate)
        self._send(link.SAMPLES, head + link.encode_values(values, 2), time_us, (first, count))

    def _next_block(self) -> float:
        """Host time at which the block that is being taken will be complete."""
        if not self._streaming:
            return float("inf")
        return self.taken_at(self.boot, self.boot.sent_to + self.scenario.block - 1)

    def _hear(self, packet: link.Packet) -> None:
        if packet.type == link.HELLO_REQ:
            self._hello()
        elif packet.type == link.START:
            self._send(link.ACK, bytes([link.START, 0]))
            if not self._streaming:
                self._streaming = True
                self.boot.sent_to = self._taken()
        elif packet.type == link.TIME_REQ:
            self._send(link.TIME_RSP, packet.payload + struct.pack("<QQ", self._clock(), self._clock()))
        elif packet.type == link.RESEND and not self.scenario.withhold:
            self._resend(*struct.unpack("<QI", packet.payload))

    def _resend(self, first: int, count: int) -> None:
        end = min(first + count, self.boot.sent_to)
        oldest = max(first, self._taken() - self.scenario.keeps)
        if oldest > first:
            gone = (first, min(end, oldest) - first)
            self._send(link.LOST, struct.pack("<QI", *gone), samples=gone)
        for start in range(oldest, end, self.scenario.block):
            self._samples(start, min(self.scenario.block, end - start), again=True)

    # -- time --

    def run(self, until: float) -> SimulatedLink:
        while self.now < until:
            heard = self._to_device[0][0] if self._to_device else float("inf")
            self._advance(min(until, self._next_block(), heard, *self._reboots[:1]))
            if self._reboots and self.now >= self._reboots[0]:
                self._boot(self._reboots.pop(0))
            if self.now >= self._next_block():
                self._samples(self.boot.sent_to, self.scenario.block, again=False)
                self.boot.sent_to += self.scenario.block
            while self._to_device and self.now >= self._to_device[0][0]:
                self._hear(self._to_device.pop(0)[1])
        return self

    def _advance(self, until: float) -> None:
        """The host's time goes on to `until`, or to the host's next word."""
        assert self._host.stdin is not None and self._host.stdout is not None
        arrivals = [(at, base64.b64encode(data).decode()) for at, data, *_ in self._to_host if at <= until]
        self._host.stdin.write(json.dumps({"until": until, "arrivals": arrivals}).encode() + b"\n")
        self._host.stdin.flush()
        answer = json.loads(self._host.stdout.readline())
        self.now = answer["now"]
        self.counters = answer["counters"]
        for at, _, told, samples in self._to_host[: answer["taken"]]:
            if told is not None:
                told.append((at, *samples))
        del self._to_host[: answer["taken"]]
        self.windows += [Window(**window, emitted=self.now) for window in answer["windows"]]
        for said in answer["sent"]:
            for packet in self._framer.feed(base64.b64decode(said)):
                self._say(packet)

    def _say(self, packet: link.Packet) -> None:
        if packet.type == link.RESEND:
            first, count = struct.unpack("<QI", packet.payload)
            self.requests.append(Request(self.now, first, first + count))
        if self._random.random() >= self.scenario.loss:
            self._to_device.append((self._arrival(self._to_device), packet))
