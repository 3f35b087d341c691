"""ECG Link, version 1, in Python: written from the specification alone, to check the TypeScript host and the C device.

Bytes to values and back; no I/O. `test/firmware-bridge/firmware` also plays the host with it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import cbor2

VERSION = 1
HEADER = struct.Struct("<BBHQ")  # version, type, sequence, sender's clock in µs
CRC = struct.Struct("<I")
SHORTEST_PACKET = HEADER.size + CRC.size
LONGEST_PACKET = 1024  # before COBS
LONGEST_FRAME = LONGEST_PACKET + -(-LONGEST_PACKET // 254)  # after COBS, without the closing 00

TYPES = {
    "HELLO": 0x01,
    "HELLO_REQ": 0x02,
    "START": 0x03,
    "STOP": 0x04,
    "ACK": 0x05,
    "SAMPLES": 0x10,
    "RESEND": 0x11,
    "LOST": 0x12,
    "TIME_REQ": 0x20,
    "TIME_RSP": 0x21,
    "STATUS": 0x30,
    "EVENT": 0x31,
    "SMP": 0x50,
}
NAMES = {code: name for name, code in TYPES.items()}

# Payloads that are one fixed record: layout and field names.
RECORDS = {
    "ACK": (struct.Struct("<BB"), ("acknowledged", "status")),
    "RESEND": (struct.Struct("<QI"), ("first", "count")),
    "LOST": (struct.Struct("<QI"), ("first", "count")),
    "TIME_REQ": (struct.Struct("<Q"), ("t0",)),
    "TIME_RSP": (struct.Struct("<QQQ"), ("t0", "t1", "t2")),
    "EVENT": (struct.Struct("<QB"), ("sample", "kind")),
}
SAMPLES = struct.Struct("<QBBHBB")
SAMPLES_FIELDS = ("first", "count", "channels", "electrodesOff", "flags", "bytesPerValue")
HELLO_FIELDS: dict[str, type] = {
    "id": str,
    "model": str,
    "fw": str,
    "boot": int,
    "rate_mhz": int,
    "lsb_pv": int,
    "leads": list,
    "retain": int,
    "caps": list,
}


class BadFrame(Exception):
    """`reason` is one of: too-long, cobs, too-short, crc, version, type, payload; tested in this order."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Packet:
    type: str
    sequence: int
    clock: int
    fields: dict[str, Any]


def cobs_encode(data: bytes) -> bytes:
    """Without the closing 00. A full block of 254 at the very end is not followed by an empty one (01)."""
    out = bytearray()
    block = bytearray()
    for position, byte in enumerate(data):
        if byte:
            block.append(byte)
        if not byte or (len(block) == 254 and position + 1 < len(data)):
            out += bytes([len(block) + 1]) + block
            block.clear()
    if block or not data or data[-1] == 0:
        out += bytes([len(block) + 1]) + block
    return bytes(out)


def cobs_decode(encoded: bytes) -> bytes:
    """Of the bytes between two 00; accepts an empty block after a full one at the end, too."""
    out = bytearray()
    position = 0
    while position < len(encoded):
        code = encoded[position]
        block = encoded[position + 1 : position + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            raise BadFrame("cobs")
        out += block
        position += code
        if code != 255 and position < len(encoded):
            out.append(0)
    return bytes(out)


def encode_map(values: dict[str, Any]) -> bytes:
    """Canonical CBOR (RFC 7049 §3.9): keys by length, then bytes; shortest numbers, so 37.0 goes as the integer 37."""
    whole = {key: int(v) if isinstance(v, float) and v.is_integer() else v for key, v in values.items()}
    return cbor2.dumps(whole, canonical=True)


def encode_payload(kind: str, fields: dict[str, Any]) -> bytes:
    if kind in ("HELLO", "STATUS"):
        return encode_map(fields["map"])
    if kind == "SMP":
        return bytes.fromhex(fields["smp"])
    if kind == "SAMPLES":
        width = fields["bytesPerValue"]
        values = b"".join(value.to_bytes(width, "little", signed=True) for value in fields["values"])
        return SAMPLES.pack(*(fields[name] for name in SAMPLES_FIELDS)) + values
    if kind in RECORDS:
        layout, names = RECORDS[kind]
        return layout.pack(*(fields[name] for name in names))
    return b""


def seal(header_and_payload: bytes) -> bytes:
    return header_and_payload + CRC.pack(zlib.crc32(header_and_payload))


def encode_packet(packet: Packet) -> bytes:
    header = HEADER.pack(VERSION, TYPES[packet.type], packet.sequence, packet.clock)
    return seal(header + encode_payload(packet.type, packet.fields))


def encode_frame(packet: bytes) -> bytes:
    return cobs_encode(packet) + b"\0"


def decode_map(payload: bytes) -> dict[str, Any]:
    try:
        value = cbor2.loads(payload)
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise BadFrame("payload")
        return value
    except cbor2.CBORDecodeError as error:
        raise BadFrame("payload") from error


def decode_payload(kind: str, payload: bytes) -> dict[str, Any]:
    if kind in ("HELLO", "STATUS"):
        values = decode_map(payload)
        if kind == "HELLO" and not all(isinstance(values.get(key), form) for key, form in HELLO_FIELDS.items()):
            raise BadFrame("payload")
        return {"map": values}
    if kind == "SMP":
        if len(payload) < 8 or int.from_bytes(payload[2:4], "big") != len(payload) - 8:
            raise BadFrame("payload")
        return {"smp": payload.hex()}
    if kind == "SAMPLES":
        return decode_samples(payload)
    if kind in RECORDS:
        layout, names = RECORDS[kind]
        if len(payload) != layout.size:
            raise BadFrame("payload")
        return dict(zip(names, layout.unpack(payload), strict=True))
    return {}


def decode_samples(payload: bytes) -> dict[str, Any]:
    if len(payload) < SAMPLES.size:
        raise BadFrame("payload")
    fields = dict(zip(SAMPLES_FIELDS, SAMPLES.unpack_from(payload), strict=True))
    width, total = fields["bytesPerValue"], fields["count"] * fields["channels"]
    body = payload[SAMPLES.size :]
    if width not in (2, 3) or total == 0 or len(body) != total * width:
        raise BadFrame("payload")
    values = [int.from_bytes(body[at : at + width], "little", signed=True) for at in range(0, len(body), width)]
    return {**fields, "values": values}


def decode_packet(packet: bytes) -> Packet:
    if len(packet) > LONGEST_PACKET:
        raise BadFrame("too-long")
    if len(packet) < SHORTEST_PACKET:
        raise BadFrame("too-short")
    if zlib.crc32(packet[: -CRC.size]) != CRC.unpack(packet[-CRC.size :])[0]:
        raise BadFrame("crc")
    version, code, sequence, clock = HEADER.unpack_from(packet)
    if version != VERSION:
        raise BadFrame("version")
    if code not in NAMES:
        raise BadFrame("type")
    kind = NAMES[code]
    return Packet(kind, sequence, clock, decode_payload(kind, packet[HEADER.size : -CRC.size]))


def decode_frame(frame: bytes) -> Packet:
    """`frame` without its closing 00."""
    if len(frame) > LONGEST_FRAME:
        raise BadFrame("too-long")
    return decode_packet(cobs_decode(frame))


def decode_stream(stream: bytes) -> tuple[list[Packet], list[str], bytes]:
    """Packets, the reason for each dropped frame, and the unfinished rest. Two 00 in a row hold nothing and cost nothing."""
    packets: list[Packet] = []
    bad: list[str] = []
    *frames, rest = stream.split(b"\0")
    for frame in frames:
        if not frame:
            continue
        try:
            packets.append(decode_frame(frame))
        except BadFrame as error:
            bad.append(error.reason)
    return packets, bad, rest
