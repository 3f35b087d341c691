"""The emulator itself, checked against a tiny host written from the same specification."""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path

import cbor2
import numpy as np
import pytest

import ecg_link_emulator as link
import wfdb16

RATE = 500


def sines(seconds: float) -> wfdb16.Recording:
    t = np.arange(round(seconds * RATE)) / RATE
    return wfdb16.Recording(RATE, np.stack([np.sin(2 * np.pi * (k + 1) * t) for k in range(8)], axis=1))


class TinyHost:
    """Just enough of section "Behaviour" to stream, in a hurry."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.framer = link.Framer()
        self.hello: dict[str, object] | None = None
        self.samples: dict[tuple[object, int], bytes] = {}
        self.electrodes: dict[int, int] = {}
        self.offsets: list[tuple[float, float]] = []  # (round trip, host minus device clock) in seconds
        self.lost: list[tuple[int, int]] = []
        self.sequence = 0
        self.next_request = 0.0

    def close(self) -> None:
        os.close(self.fd)

    def send(self, kind: int, payload: bytes = b"") -> None:
        os.write(self.fd, link.frame(link.Packet(kind, self.sequence, int(time.monotonic() * 1e6), payload)))
        self.sequence += 1

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now = time.monotonic()
            if now >= self.next_request:
                self.next_request = now + 0.03
                if self.hello is None:
                    self.send(link.HELLO_REQ)
                else:
                    self.send(link.TIME_REQ, struct.pack("<Q", int(now * 1e6)))
                    if len(self.samples) == 0 and len(self.offsets) >= 3:
                        self.send(link.START)
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                data = b""
            for packet in self.framer.feed(data):
                self.take(packet)
            time.sleep(0.001)

    def take(self, packet: link.Packet) -> None:
        if packet.type == link.HELLO:
            self.hello = cbor2.loads(packet.payload)
        elif packet.type == link.TIME_RSP:
            t0, t1, t2 = struct.unpack("<QQQ", packet.payload)
            now = time.monotonic()
            self.offsets.append((now - t0 / 1e6 - (t2 - t1) / 1e6, (now + t0 / 1e6) / 2 - (t1 + t2) / 2e6))
        elif packet.type == link.LOST:
            self.lost.append(struct.unpack("<QI", packet.payload))
        elif packet.type == link.SAMPLES:
            first, count, channels, off, _, size = struct.unpack("<QBBHBB", packet.payload[:14])
            assert self.hello is not None and len(packet.payload) == 14 + count * channels * size
            for n in range(count):
                at = 14 + n * channels * size
                self.samples[self.hello["boot"], first + n] = packet.payload[at : at + channels * size]
                self.electrodes[first + n] = off


def stream(
    options: link.Options, seconds: float, recording: wfdb16.Recording | None = None
) -> tuple[link.Device, TinyHost]:
    device = link.Device(recording or sines(2), options, link.PtyCarrier()).start()
    host = TinyHost(device.carrier.path)
    try:
        host.run(seconds)
    finally:
        device.stop()
        host.close()
    if device.error is not None:
        raise device.error
    return device, host


def test_crc_is_the_one_that_the_specification_names() -> None:
    assert zlib.crc32(b"123456789") == 0xCBF43926


@pytest.mark.parametrize(
    ("plain", "coded"),
    [
        (b"", b"\x01"),
        (b"\0", b"\x01\x01"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
        (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"),
        (bytes(range(1, 255)), b"\xff" + bytes(range(1, 255))),
        (bytes(range(255)), b"\x01\xff" + bytes(range(1, 255))),
        (bytes(range(1, 256)), b"\xff" + bytes(range(1, 255)) + b"\x02\xff"),
        (bytes(range(2, 256)) + b"\0", b"\xff" + bytes(range(2, 256)) + b"\x01\x01"),
        (bytes(range(3, 256)) + b"\0\x01", b"\xfe" + bytes(range(3, 256)) + b"\x02\x01"),
    ],
)
def test_cobs_codes_the_published_vectors_both_ways(plain: bytes, coded: bytes) -> None:
    assert link.cobs_encode(plain) == coded
    assert link.cobs_decode(coded) == plain


def test_values_of_two_and_three_bytes_are_little_endian_and_clipped() -> None:
    counts = np.array([[-1, 70000]])
    assert link.encode_values(counts, 2) == b"\xff\xff\xff\x7f"
    assert link.encode_values(counts, 3) == b"\xff\xff\xff\x70\x11\x01"


def test_a_clean_device_delivers_every_sample_with_its_value() -> None:
    recording = sines(1)
    device, host = stream(link.Options(block=25), 1.5, recording)
    boot = device.boot
    indices = [n for _, n in host.samples]
    assert indices == list(range(boot.first_received, boot.first_received + len(indices))) and len(indices) > 500
    assert boot.first_received > 1000  # it had been sampling before the host came
    for (_, n), raw in host.samples.items():
        expected = np.rint(recording.millivolts[(n - boot.first_received) % 500] * 1000)
        values = [int.from_bytes(raw[3 * k : 3 * k + 3], "little", signed=True) for k in range(8)]
        assert np.array_equal(values, expected)
    assert len(boot.missing(boot.first_received, len(indices))) == 0


def test_damage_is_accounted_for_to_the_sample() -> None:
    damage = link.Damage(drop=0.1, duplicate=0.1, reorder=0.1, corrupt=0.15, seed=5)
    device, host = stream(link.Options(block=7, damage=damage), 3.0)
    got = np.array(sorted(n for _, n in host.samples))
    first, end = int(got[0]), int(got[-1]) - 100  # the last few may still have been on their way
    expected = np.setdiff1d(np.arange(first, end), device.boot.missing(first, end - first))
    assert np.array_equal(got[got < end], expected)
    assert len(expected) < 0.9 * (end - first) and all(device.damaged[k] > 5 for k in ("drop", "reorder", "corrupt"))
    assert host.framer.bad > 5


@pytest.mark.parametrize("ppm", [0.0, 200.0])
def test_the_truth_agrees_with_the_device_clock(ppm: float) -> None:
    device, host = stream(link.Options(drift_ppm=ppm, already_running_s=100), 1.0)
    trip, offset = min(host.offsets)
    now = time.monotonic()
    assert trip < 0.02
    sample = (now - offset) * RATE  # where the device's own clock says that it is
    assert device.boot.utc(sample) == pytest.approx(now + link.UTC_OF_MONOTONIC, abs=0.012)
    if ppm:
        assert device.boot.utc(sample) - device.boot.utc(0) == pytest.approx(
            (now - offset) / (1 + ppm * 1e-6), abs=1e-6
        )


def test_a_reboot_starts_index_and_clock_again() -> None:
    device, host = stream(link.Options(reboots=(0.3,)), 1.0)
    assert len(device.boots) == 2
    assert host.hello is not None and host.hello["boot"] == device.boots[1].id


def test_electrodes_follow_the_schedule() -> None:
    device, host = stream(link.Options(block=25, electrodes=((0.5, 1.0, link.RA | link.V3),)), 1.5)
    first = device.boot.first_received
    off = [n - first for n, mask in host.electrodes.items() if mask]
    assert off == list(range(250, 500)) and set(host.electrodes.values()) == {0, 0x41}


def test_a_resend_returns_what_is_retained_and_says_what_is_lost() -> None:
    device = link.Device(sines(2), link.Options(caps=("time", "resend"), retain=500), link.PtyCarrier()).start()
    host = TinyHost(device.carrier.path)
    host.run(1.5)
    first = device.boot.first_received
    newest = max(n for _, n in host.samples)
    host.samples.clear()
    host.send(link.RESEND, struct.pack("<QI", first, newest - first + 1))
    host.run(0.3)
    device.stop()
    host.close()
    ((lost_first, lost_count),) = host.lost
    assert lost_first == first
    assert set(range(first + lost_count, newest + 1)) <= {n for _, n in host.samples}


def test_a_replugged_device_is_found_under_the_same_link(tmp_path: Path) -> None:
    carrier = link.PtyCarrier(tmp_path / "tty")
    device = link.Device(sines(2), link.Options(unplugs=((0.3, 0.3),)), carrier).start()
    host = TinyHost(str(tmp_path / "tty"))
    host.run(0.5)
    deadline = time.monotonic() + 5
    while not device.plugged_at and time.monotonic() < deadline:
        time.sleep(0.01)
    host.close()
    again = TinyHost(str(tmp_path / "tty"))
    again.run(1.0)
    device.stop()
    again.close()
    assert len(again.samples) > 100 and len(device.boots) == 1


def test_recordings_survive_being_written_and_read(tmp_path: Path) -> None:
    path = wfdb16.write(tmp_path / "r1", sines(1))
    assert np.abs(wfdb16.read(path).millivolts - sines(1).millivolts).max() <= 0.0005
