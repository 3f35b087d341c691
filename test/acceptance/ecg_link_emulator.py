"""An ECG Link device in Python, written from the protocol's specification alone, to check the gateway from outside.

It plays recordings over a pseudo-terminal or TCP, damages its own frames on purpose, and keeps the truth: which samples
really went out whole, and at which instant (UTC) each was sampled.

    python ecg_link_emulator.py RECORD... [--link PATH | --tcp PORT] [--drop 0.2] [--drift-ppm 200] ...
"""

from __future__ import annotations

import argparse
import os
import random
import select
import socket
import struct
import sys
import threading
import time
import tty
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cbor2
import numpy as np
import numpy.typing as npt

import wfdb16

HELLO, HELLO_REQ, START, STOP, ACK = 0x01, 0x02, 0x03, 0x04, 0x05
SAMPLES, RESEND, LOST = 0x10, 0x11, 0x12
TIME_REQ, TIME_RSP = 0x20, 0x21
STATUS, EVENT = 0x30, 0x31
RA, LA, LL, RL, V1, V3 = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 6
ELECTRODES_OF = {"I": RA | LA, "II": RA | LL} | {f"V{n}": V1 << n - 1 for n in range(1, 7)}
MAX_PACKET = 1024
UNREAD_LIMIT = 1 << 16  # bytes waiting for a host that does not read; further frames are lost, as on a UART
UTC_OF_MONOTONIC = time.time() - time.monotonic()


# ---- bytes <-> packets ----


def cobs_encode(data: bytes) -> bytes:
    out = bytearray()
    blocks = data.split(b"\0")
    for number, block in enumerate(blocks, 1):
        while len(block) > 254 or (len(block) == 254 and number < len(blocks)):
            out += b"\xff" + block[:254]
            block = block[254:]
        out += bytes([len(block) + 1]) + block
    return bytes(out)


def cobs_decode(frame: bytes) -> bytes | None:
    out, at = bytearray(), 0
    while at < len(frame):
        code = frame[at]
        if code == 0 or at + code > len(frame):
            return None
        out += frame[at + 1 : at + code]
        at += code
        if code < 255 and at < len(frame):
            out.append(0)
    return bytes(out)


@dataclass(frozen=True)
class Packet:
    type: int
    sequence: int
    clock_us: int
    payload: bytes = b""
    version: int = 1


def pack(packet: Packet) -> bytes:
    head = struct.pack("<BBHQ", packet.version, packet.type, packet.sequence & 0xFFFF, packet.clock_us)
    body = head + packet.payload
    return body + struct.pack("<I", zlib.crc32(body))


def unpack(data: bytes) -> Packet | None:
    if not 16 <= len(data) <= MAX_PACKET or struct.unpack("<I", data[-4:])[0] != zlib.crc32(data[:-4]):
        return None
    version, kind, sequence, clock_us = struct.unpack("<BBHQ", data[:12])
    return Packet(kind, sequence, clock_us, data[12:-4], version)


def frame(packet: Packet) -> bytes:
    return cobs_encode(pack(packet)) + b"\0"


class Framer:
    """Bytes in, whole packets out; counts what was bad."""

    def __init__(self) -> None:
        self.bad = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        *frames, rest = bytes(self._buffer).split(b"\0")
        self._buffer = bytearray(rest)
        packets = []
        for raw in frames:
            if not raw:
                continue
            decoded = cobs_decode(raw)
            packet = None if decoded is None else unpack(decoded)
            if packet is None:
                self.bad += 1
            else:
                packets.append(packet)
        return packets


def encode_values(counts: npt.NDArray[np.int64], size: int) -> bytes:
    limit = 1 << (8 * size - 1)
    clipped = np.clip(counts, -limit, limit - 1).astype("<i4")
    return clipped.view(np.uint8).reshape(*clipped.shape, 4)[..., :size].tobytes()


# ---- carriers ----


class PtyCarrier:
    """The device end of a cable. `path` is what the gateway opens: /dev/pts/N, or a link that survives a replug."""

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._master: int | None = None
        self.plug()

    def plug(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        if self._link is not None:
            fresh = self._link.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.path)
            fresh.rename(self._link)
            self.path = str(self._link)

    def unplug(self) -> None:
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        if self._master is not None:
            os.close(self._master)
        self._master = None

    @property
    def uri(self) -> str:
        return f"serial:{self.path}"

    def host_present(self) -> bool:
        if self._master is None:
            return False
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def wait(self, seconds: float) -> None:
        if self._master is None or not self.host_present():
            time.sleep(min(seconds, 0.01))
        else:
            select.select([self._master], [], [], seconds)

    def read(self) -> bytes:
        try:
            return b"" if self._master is None else os.read(self._master, 4096)
        except OSError:
            return b""

    def write(self, data: bytes) -> int:
        try:
            return 0 if self._master is None else os.write(self._master, data)
        except OSError:
            return 0


class TcpCarrier:
    """Listens on loopback; one host at a time."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._connection: socket.socket | None = None
        self._server: socket.socket | None = None
        self.plug()

    def plug(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self._port))
        self._server.setblocking(False)
        self._port = self._server.getsockname()[1]
        self.path = f"127.0.0.1:{self._port}"

    def unplug(self) -> None:
        for end in (self._connection, self._server):
            if end is not None:
                end.close()
        self._connection = self._server = None

    @property
    def uri(self) -> str:
        return f"tcp:{self.path}"

    def host_present(self) -> bool:
        if self._server is not None:
            try:
                connection, _ = self._server.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._connection is not None:
                    self._connection.close()
                self._connection = connection
            except BlockingIOError:
                pass
        return self._connection is not None

    def wait(self, seconds: float) -> None:
        ends = [end for end in (self._connection, self._server) if end is not None]
        if ends:
            select.select(ends, [], [], seconds)
        else:
            time.sleep(min(seconds, 0.01))

    def read(self) -> bytes:
        if not self.host_present() or self._connection is None:
            return b""
        try:
            data = self._connection.recv(4096)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._connection.close()
            self._connection = None
        return data

    def write(self, data: bytes) -> int:
        try:
            return 0 if self._connection is None else self._connection.send(data)
        except OSError:
            return 0


# ---- the device ----


@dataclass(frozen=True)
class Damage:
    """Probabilities per frame. Any can be dropped, doubled or corrupted; only SAMPLES are reordered, by 1 to 3 places."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    seed: int = 1


@dataclass(frozen=True)
class Options:
    id: str = "emulated-1"
    model: str = "acceptance"
    fw: str = "1.2.3"
    block: int = 20  # samples per packet
    value_bytes: int = 3
    lsb_pv: int = 1_000_000
    leads: tuple[str, ...] = wfdb16.LEADS8
    caps: tuple[str, ...] = ("time",)
    retain: int = 0
    drift_ppm: float = 0.0
    speed: float = 1.0  # above 1 the device's clock outruns the host's: sample rate and clock stay consistent
    damage: Damage = Damage()
    electrodes: tuple[tuple[float, float, int], ...] = ()  # (from s, to s, mask), seconds of the played record
    silences: tuple[tuple[float, float], ...] = ()  # (from s, to s) since START: alive, but sends nothing at all
    reboots: tuple[float, ...] = ()  # seconds since the first START
    unplugs: tuple[tuple[float, float], ...] = ()  # (at s, for s) since the first START
    already_running_s: float = 3.0  # sampling since this long when the test begins: the first index seen is not 0
    deaf_until: tuple[int, int] = (0, 0)  # ignore this many HELLO_REQ and START before answering
    loop: bool = True
    raw: Callable[[random.Random], bytes] | None = None  # what it babbles 100 times a second before it speaks
    raw_for_s: float = 0.0
    extra: Callable[[Device], None] | None = None  # called after every block: hostile packets
    version: int = 1
    mad_clock: bool = False  # answers TIME_REQ with any time at all
    extra_hello: dict[str, object] = field(default_factory=dict)


@dataclass
class Boot:
    """One life of the device, and the truth about it."""

    id: int
    started: float  # host's monotonic clock at device time 0
    rate: float  # true samples per host second
    deliveries: list[tuple[float, int, int]] = field(default_factory=list)  # host time, first sample, count
    sent_to: int = 0  # samples below this were due for transmission
    origin: int | None = None  # sample at the first START: where the played record begins

    def utc(self, sample: float) -> float:
        """The true instant of a sample, as UNIX time."""
        return self.started + sample / self.rate + UTC_OF_MONOTONIC

    @property
    def first_received(self) -> int:
        return self.deliveries[0][1]

    def missing(self, first: int, count: int, until_utc: float = float("inf")) -> npt.NDArray[np.int64]:
        """Indices of [first, first + count) that had not reached the host whole by then."""
        absent = np.ones(count, bool)
        for at, start, size in self.deliveries:
            if at + UTC_OF_MONOTONIC <= until_utc and start < first + count and start + size > first:
                absent[max(0, start - first) : start + size - first] = False
        return np.flatnonzero(absent) + first


class Device:
    def __init__(self, recording: wfdb16.Recording, options: Options, carrier: PtyCarrier | TcpCarrier) -> None:
        self.options, self.carrier, self.recording = options, carrier, recording
        self.heard: list[tuple[float, Packet]] = []  # what the host sent, and when
        self.sent_frames = 0
        self.babbled = 0  # bytes
        self.damaged: dict[str, int] = {"drop": 0, "duplicate": 0, "reorder": 0, "corrupt": 0, "overflow": 0}
        self.plugged_at: list[float] = []
        self.error: BaseException | None = None
        self.boots: list[Boot] = []
        columns = [wfdb16.LEADS8.index(lead) for lead in options.leads]
        self._counts = np.rint(recording.millivolts[:, columns] * 1e9 / options.lsb_pv).astype(np.int64)
        self._random = random.Random(options.damage.seed)
        self._framer = Framer()
        self._unsent = bytearray()
        self._marks: list[tuple[int, Boot, int, int]] = []  # (position of the frame's end, boot, first sample, count)
        self._queued = self._written = 0
        self._held: list[tuple[int, bytes, tuple[int, int]]] = []
        self._dirty = False  # the last byte on the wire was not a delimiter
        self._streaming = False
        self._first_start: float | None = None
        self._ignored = [0, 0]
        self._pending = [(t, "reboot") for t in options.reboots]
        for at, lasting in options.unplugs:
            self._pending += [(at, "quiet"), (at + 0.3, "unplug"), (at + 0.3 + lasting, "plug")]
        self._pending.sort()
        self._quiet = False
        self._last_status = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=options.id, daemon=True)
        self._boot(time.monotonic() - options.already_running_s)

    # -- for the test --

    def start(self) -> Device:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.carrier.unplug()

    @property
    def uri(self) -> str:
        return self.carrier.uri

    @property
    def boot(self) -> Boot:
        return self.boots[-1]

    @property
    def streaming_since(self) -> float | None:
        return self._first_start

    def heard_of(self, kind: int) -> list[tuple[float, Packet]]:
        return [(at, packet) for at, packet in list(self.heard) if packet.type == kind]

    @property
    def bad_frames_heard(self) -> int:
        return self._framer.bad

    # -- life --

    def _boot(self, at: float) -> None:
        scale = (1 + self.options.drift_ppm * 1e-6) * self.options.speed
        self.boots.append(Boot(self._random.getrandbits(32), at, self.recording.rate * scale))
        self._sequence = self._random.getrandbits(16)
        self._streaming = False
        self._held.clear()

    def clock_us(self, now: float | None = None) -> int:
        elapsed = (time.monotonic() if now is None else now) - self.boot.started
        return int(elapsed * self.boot.rate / self.recording.rate * 1e6)

    def _run(self) -> None:
        try:
            if self.options.raw is not None:
                self._babble(self.options.raw)
            self.send(HELLO, cbor2.dumps(self._hello()))
            while not self._stop.is_set():
                self._scheduled_events()
                for packet in self._framer.feed(self.carrier.read()):
                    self.heard.append((time.monotonic(), packet))
                    self._answer(packet)
                self._stream_due()
                self._flush()
                self.carrier.wait(self._until_next_block())
        except BaseException as error:  # shown by the test that owns the device
            self.error = error
            raise

    def _babble(self, raw: Callable[[random.Random], bytes]) -> None:
        end: float | None = None
        while not self._stop.is_set() and (end is None or time.monotonic() < end):
            if end is None and self.carrier.host_present():
                end = time.monotonic() + self.options.raw_for_s
            self.babbled += self.carrier.write(raw(self._random))
            self.carrier.read()
            time.sleep(0.01)
        while self.carrier.write(b"\0") == 0 and not self._stop.is_set():
            time.sleep(0.01)

    def _hello(self) -> dict[str, object]:
        return {
            "id": self.options.id,
            "model": self.options.model,
            "fw": self.options.fw,
            "boot": self.boot.id,
            "rate_mhz": self.recording.rate * 1000,
            "lsb_pv": self.options.lsb_pv,
            "leads": list(self.options.leads),
            "retain": self.options.retain,
            "caps": list(self.options.caps),
        } | self.options.extra_hello

    def _scheduled_events(self) -> None:
        if self._first_start is None:
            return
        elapsed = time.monotonic() - self._first_start
        while self._pending and self._pending[0][0] <= elapsed:
            _, event = self._pending.pop(0)
            if event == "reboot":
                self._boot(time.monotonic())
                self.send(HELLO, cbor2.dumps(self._hello()))
            elif event == "quiet":  # let what is on the wire arrive, so that the truth about it is exact
                self._quiet = True
            elif event == "unplug":
                self.carrier.unplug()
                self._streaming = False
                self._framer = Framer()
                self._forget_unsent()
            else:
                self._quiet = False
                self.carrier.plug()
                self.plugged_at.append(time.monotonic())

    @property
    def _silent(self) -> bool:
        if self._quiet:
            return True
        since = 0.0 if self._first_start is None else time.monotonic() - self._first_start
        return any(start <= since < end for start, end in self.options.silences)

    def _answer(self, packet: Packet) -> None:
        now = time.monotonic()
        if packet.type == HELLO_REQ:
            self._ignored[0] += 1
            if self._ignored[0] > self.options.deaf_until[0]:
                self.send(HELLO, cbor2.dumps(self._hello()))
        elif packet.type == START:
            self._ignored[1] += 1
            if self._ignored[1] <= self.options.deaf_until[1]:
                return
            if self._first_start is None:
                self._first_start = now
            self.send(ACK, bytes([START, 0]))
            if not self._streaming:
                self._streaming = True
                self.boot.sent_to = self._sampled()
                if self.boot.origin is None:
                    self.boot.origin = self.boot.sent_to
        elif packet.type == STOP:
            self._streaming = False
            self.send(ACK, bytes([STOP, 0]))
        elif packet.type == TIME_REQ and "time" in self.options.caps and len(packet.payload) == 8:
            received, sent = self.clock_us(now), self.clock_us()
            if self.options.mad_clock:
                received, sent = self._random.getrandbits(64), self._random.getrandbits(64)
            self.send(TIME_RSP, packet.payload + struct.pack("<QQ", received, sent))
        elif packet.type == RESEND and len(packet.payload) == 12:
            self._resend(*struct.unpack("<QI", packet.payload))

    def _resend(self, first: int, count: int) -> None:
        if "resend" not in self.options.caps:
            self.send(ACK, bytes([RESEND, 2]))
            return
        oldest = max(0, self._sampled() - self.options.retain)
        end = min(first + count, self.boot.sent_to)
        if first < oldest:
            gone = min(end, oldest) - first
            self.send(LOST, struct.pack("<QI", first, gone))
            first += gone
        while first < end:
            size = min(self.options.block, end - first)
            self._send_samples(first, size, again=True)
            first += size

    # -- samples --

    def _sampled(self) -> int:
        """How many samples this boot has taken by now."""
        return max(0, int((time.monotonic() - self.boot.started) * self.boot.rate) + 1)

    def _until_next_block(self) -> float:
        if not self._streaming:
            return 0.02
        due = self.boot.started + (self.boot.sent_to + self.options.block - 1) / self.boot.rate
        return min(0.05, max(0.0, due - time.monotonic()))

    def _stream_due(self) -> None:
        while self._streaming and self._sampled() >= self.boot.sent_to + self.options.block:
            first = self.boot.sent_to
            assert self.boot.origin is not None
            if not self.options.loop and first + self.options.block - self.boot.origin > len(self._counts):
                self._streaming = False
                return
            self.boot.sent_to = first + self.options.block
            self._send_samples(first, self.options.block)
            if self.options.extra is not None:
                self.options.extra(self)
        if self._streaming and time.monotonic() - self._last_status > 5:
            self._last_status = time.monotonic()
            status = {"battery": 87, "temperature_c": 31.5, "dropped": 0, "uptime_ms": self.clock_us() // 1000}
            self.send(STATUS, cbor2.dumps(status))

    def _electrodes(self, sample: int) -> int:
        assert self.boot.origin is not None
        second = (sample - self.boot.origin) / self.recording.rate
        mask = 0
        for start, end, bits in self.options.electrodes:
            mask |= bits if start <= second < end else 0
        return mask

    def _send_samples(self, first: int, count: int, again: bool = False) -> None:
        assert self.boot.origin is not None
        index = (np.arange(first, first + count) - self.boot.origin) % len(self._counts)
        values = self._counts[index]
        off = self._electrodes(first)
        for column, lead in enumerate(self.options.leads):
            if off & ELECTRODES_OF[lead]:
                values[:, column] = 1 << 30  # an input without an electrode drifts to the rail
        head = struct.pack("<QBBHBB", first, count, values.shape[1], off, int(again), self.options.value_bytes)
        instant = int(first / self.recording.rate * 1e6)
        self.send(SAMPLES, head + encode_values(values, self.options.value_bytes), instant, (first, count))

    # -- frames, and what happens to them --

    def send(
        self,
        kind: int,
        payload: bytes,
        clock_us: int | None = None,
        samples: tuple[int, int] = (0, 0),
    ) -> None:
        at = self.clock_us() if clock_us is None else clock_us
        raw = frame(Packet(kind, self._sequence, at, payload, self.options.version))
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.sent_frames += 1
        if not self.carrier.host_present():
            self._forget_unsent()
            return
        if self._silent:
            return
        damage, roll = self.options.damage, self._random.random
        if roll() < damage.drop:
            self.damaged["drop"] += 1
        elif kind == SAMPLES and roll() < damage.reorder:
            self.damaged["reorder"] += 1
            self._held.append((self._random.randint(2, 4), raw, samples))  # this frame counts too: 1 to 3 places late
        elif roll() < damage.corrupt:
            self.damaged["corrupt"] += 1
            self._put(self._corrupted(raw), None)
        else:
            self._put(raw, samples)
            if roll() < damage.duplicate:
                self.damaged["duplicate"] += 1
                self._put(raw, samples)
        if kind == SAMPLES:
            waiting, self._held = self._held, []
            for wait, late, range_ in waiting:
                if wait <= 1:
                    self._put(late, range_)
                else:
                    self._held.append((wait - 1, late, range_))

    def _forget_unsent(self) -> None:
        self._unsent.clear()
        self._marks.clear()
        self._held.clear()
        self._written = self._queued
        self._dirty = False

    def _corrupted(self, raw: bytes) -> bytes:
        """One of the ways in which a byte stream is damaged; never a frame that is still whole."""
        at = self._random.randrange(len(raw) - 2)  # what comes in after the last byte would leave the frame whole
        way = self._random.randrange(5)
        if way == 0:  # a bit flips
            flipped = raw[at] ^ (1 << self._random.randrange(8))
            return raw[:at] + bytes([flipped]) + raw[at + 1 :]
        if way == 1:  # bytes vanish
            return raw[:at] + raw[min(at + self._random.randint(1, 9), len(raw) - 1) :]
        if way == 2:  # a delimiter appears
            return raw[: at + 1] + b"\0" + raw[at + 1 :]
        if way == 3:  # the delimiter is lost: the next frame goes down with this one
            return raw[:-1]
        return raw[: at + 1] + self._random.randbytes(self._random.randint(1, 300)) + raw[at + 1 :]  # noise

    def _put(self, raw: bytes, samples: tuple[int, int] | None) -> None:
        if len(self._unsent) + len(raw) > UNREAD_LIMIT:
            self.damaged["overflow"] += 1
            return
        whole = samples is not None and not self._dirty
        self._unsent += raw
        self._queued += len(raw)
        self._dirty = raw[-1] != 0
        if whole and samples is not None and samples[1]:
            self._marks.append((self._queued, self.boot, *samples))
        self._flush()

    def _flush(self) -> None:
        # A delivery counts from before it is written: on a busy machine the host answers sooner than this thread goes on.
        now = time.monotonic()
        if self._unsent:
            written = self.carrier.write(bytes(self._unsent))
            del self._unsent[:written]
            self._written += written
        while self._marks and self._marks[0][0] <= self._written:
            _, boot, first, count = self._marks.pop(0)
            boot.deliveries.append((now, first, count))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("records", nargs="+", help="WFDB records (format 16), played back to back")
    parser.add_argument("--id", default="emulated-1")
    parser.add_argument("--link", type=Path, help="a link to the pseudo-terminal, kept across replugs")
    parser.add_argument("--tcp", type=int, metavar="PORT", help="listen on TCP instead of a pseudo-terminal")
    parser.add_argument("--block", type=int, default=20, help="samples per packet")
    parser.add_argument("--value-bytes", type=int, choices=(2, 3), default=3)
    parser.add_argument("--caps", default="time", help="comma-separated")
    parser.add_argument("--retain", type=int, default=0, help="samples kept for RESEND")
    parser.add_argument("--drift-ppm", type=float, default=0.0)
    parser.add_argument("--speed", type=float, default=1.0)
    for name in ("drop", "duplicate", "reorder", "corrupt"):
        parser.add_argument(f"--{name}", type=float, default=0.0, metavar="PROBABILITY")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reboot", type=float, action="append", default=[], metavar="SECONDS")
    parser.add_argument("--unplug", action="append", default=[], metavar="AT:FOR")
    parser.add_argument("--silence", action="append", default=[], metavar="FROM:TO")
    parser.add_argument("--electrodes", action="append", default=[], metavar="FROM:TO:MASK")
    args = parser.parse_args()

    def numbers(text: str) -> tuple[float, float]:
        first, second = (float(part) for part in text.split(":"))
        return first, second

    def electrodes(text: str) -> tuple[float, float, int]:
        start, end, mask = text.split(":")
        return float(start), float(end), int(mask, 0)

    options = Options(
        id=args.id,
        block=args.block,
        value_bytes=args.value_bytes,
        caps=tuple(cap for cap in args.caps.split(",") if cap),
        retain=args.retain,
        drift_ppm=args.drift_ppm,
        speed=args.speed,
        damage=Damage(args.drop, args.duplicate, args.reorder, args.corrupt, args.seed),
        reboots=tuple(args.reboot),
        unplugs=tuple(numbers(text) for text in args.unplug),
        silences=tuple(numbers(text) for text in args.silence),
        electrodes=tuple(electrodes(text) for text in args.electrodes),
    )
    recording = wfdb16.joined([wfdb16.read(record) for record in args.records])
    carrier = TcpCarrier(args.tcp) if args.tcp is not None else PtyCarrier(args.link)
    device = Device(recording, options, carrier).start()
    print(device.uri, flush=True)
    try:
        while device.error is None:
            time.sleep(1)
    except KeyboardInterrupt:
        device.stop()
    for boot in device.boots:
        if boot.deliveries:
            first = boot.first_received
            gone = boot.missing(first, boot.sent_to - first)
            print(f"boot {boot.id}: samples {first} to {boot.sent_to - 1}, {len(gone)} never delivered:", *gone)
    print(f"frames {device.sent_frames}, damage {device.damaged}", file=sys.stderr)


if __name__ == "__main__":
    main()
