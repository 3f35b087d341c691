"""Writes ecg-link.json beside itself: the packets that every implementation of ECG Link has to read and write alike.

`--check` writes nothing and fails when the file is not what would be written.

The file is an object of three arrays:
  packets  {name, type, fields, packet, frame}: `packet` is header to CRC, `frame` is COBS and 00, both in hex. u64 are
           decimal strings; `values` is sample-major; `map` is the CBOR map. Those with `"decodeOnly": true` are correct,
           but an encoder of ours writes them otherwise (keys in another order, longer numbers, a needless COBS block).
           Encoders write canonical CBOR (RFC 7049 §3.9), whole numbers as integers.
  invalid  {name, frame, reason}: reason is what the first failing test of this order says: too-long (a frame of more than
           1029 bytes before its 00, or a packet of more than 1024), cobs, too-short (< 16), crc, version, type (unknown:
           ignored and counted), payload (does not fit its type).
  streams  {name, bytes, packets, bad}: names of the packets that come out and the number of frames that are dropped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cbor2
from ecg_link import (
    CRC,
    HEADER,
    LONGEST_PACKET,
    NAMES,
    TYPES,
    VERSION,
    BadFrame,
    Packet,
    cobs_decode,
    cobs_encode,
    decode_packet,
    decode_stream,
    encode_frame,
    encode_packet,
    encode_payload,
    seal,
)

OUTPUT = Path(__file__).with_name("ecg-link.json")
U64_FIELDS = {"clock", "first", "t0", "t1", "t2", "sample"}
LEADS = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
U32_MAX, U64_MAX = 2**32 - 1, 2**64 - 1
BEYOND_DOUBLE = 2**53 + 1  # the first integer that a double cannot hold


def hello(**changes: Any) -> dict[str, Any]:
    values = {
        "id": "ecg-0001",
        "model": "ecgclip-8",
        "fw": "1.2.3",
        "boot": 0xDEADBEEF,
        "rate_mhz": 500_000,
        "lsb_pv": 1_000_000,
        "leads": LEADS,
        "retain": 4000,
        "caps": ["resend", "time"],
    }
    return {"map": {**values, **changes}}


def samples(count: int, channels: int, width: int, values: list[int] | None = None, **changes: int) -> dict[str, Any]:
    """Values by default from a fixed linear congruence that covers the width's whole range."""
    if values is None:
        state, values, bits = 12345, [], 8 * width
        for _ in range(count * channels):
            state = (state * 1103515245 + 12345) % 2**31
            values.append((state >> 4) % 2**bits - 2 ** (bits - 1))
    head = {"first": 0, "count": count, "channels": channels, "electrodesOff": 0, "flags": 0, "bytesPerValue": width}
    return {**head, **changes, "values": values}


def smp(body: bytes, sequence: int = 1) -> dict[str, Any]:
    """An image upload request (SMP version 2, write, group 1, command 1) around a CBOR body."""
    header = bytes([0x0A, 0]) + len(body).to_bytes(2, "big") + b"\0\1" + bytes([sequence, 1])
    return {"smp": (header + body).hex()}


def smp_body(size: int, fill: bytes) -> bytes:
    """{"d": bytes} of exactly `size` bytes of CBOR; `fill` ends the byte string, 5a stands before it."""
    head = next(n for n in (4, 5, 6) if len(cbor2.dumps({"d": bytes(max(0, size - n))})) == size)
    return cbor2.dumps({"d": fill.rjust(size - head, b"\x5a")})


def nonzero_run(length: int, closed: bool) -> Packet:
    """A packet whose last run of `length` bytes other than 00 goes up to its end, or (closed) to a 00 before the CRC.

    The run starts inside SMP's header; the CRC must not hold a zero: tries sequence numbers until it fits.
    """
    for sequence in range(1, 256):
        fields = smp(smp_body(length - 2, b"\0") if closed else smp_body(length - 7, b"\x5a"), sequence)
        packet = Packet("SMP", sequence, 1_000_000, fields)
        *_, before, last = encode_packet(packet).split(b"\0")
        if (len(before), len(last)) == (length, CRC.size) if closed else len(last) == length:
            return packet
    raise AssertionError("no sequence number gives a CRC without a zero byte")


def valid_packets() -> dict[str, Packet]:
    one_second = 1_000_000
    extremes2 = [-32768, -32767, -256, -1, 0, 1, 255, 32767]
    extremes3 = [-8388608, -65536, -256, -1, 0, 1, 65535, 8388607]
    long_hello = hello(
        id="ECG-ÄÖÜ-µ-Ω-" + "x" * 40,
        fw="12.34.56-rc.1+build.7",
        boot=U32_MAX,
        rate_mhz=U32_MAX,
        lsb_pv=47_684,
        retain=U32_MAX,
        caps=["resend", "time", "smp", "pacer"],
    )
    cases: list[tuple[str, str, int, int, dict[str, Any]]] = [
        ("hello", "HELLO", 0, 1500, hello()),
        ("hello with every number and text at its longest", "HELLO", 1, 1500, long_hello),
        (
            "hello of the smallest device",
            "HELLO",
            2,
            0,
            hello(id="a", model="", fw="0.0.0", boot=0, rate_mhz=130_000, leads=["II"], retain=0, caps=[]),
        ),
        ("hello request", "HELLO_REQ", 0, 0, {}),
        ("start", "START", 1, one_second, {}),
        ("stop", "STOP", 2, 2 * one_second, {}),
        ("ack of start", "ACK", 3, 3 * one_second, {"acknowledged": TYPES["START"], "status": 0}),
        ("ack: busy", "ACK", 4, 4 * one_second, {"acknowledged": TYPES["STOP"], "status": 1}),
        ("ack: unsupported", "ACK", 5, 5 * one_second, {"acknowledged": TYPES["SMP"], "status": 2}),
        ("ack: bad argument", "ACK", 6, 6 * one_second, {"acknowledged": TYPES["RESEND"], "status": 3}),
        ("ack: internal", "ACK", 7, 7 * one_second, {"acknowledged": 0xFF, "status": 4}),
        ("samples: one of one channel", "SAMPLES", 8, 2000, samples(1, 1, 2, [-2])),
        ("samples: one of eight channels, 2 bytes, extremes", "SAMPLES", 9, 2000, samples(1, 8, 2, extremes2, first=1)),
        (
            "samples: one of eight channels, 3 bytes, extremes",
            "SAMPLES",
            10,
            2000,
            samples(1, 8, 3, extremes3, first=2),
        ),
        ("samples: 20 ms of 8 x 24 bit at 500 Hz", "SAMPLES", 11, 20_000, samples(10, 8, 3, first=10)),
        ("samples: 255 of one channel, 3 bytes", "SAMPLES", 12, 2000, samples(255, 1, 3, first=255)),
        ("samples: 255 of one channel, 2 bytes", "SAMPLES", 13, 2000, samples(255, 1, 2, first=510)),
        ("samples: packet of 1024 bytes", "SAMPLES", 14, 2000, samples(71, 7, 2, first=765)),
        ("samples: most of 8 x 24 bit", "SAMPLES", 15, 2000, samples(41, 8, 3, first=836)),
        ("samples: zeros everywhere", "SAMPLES", 0, 0, samples(20, 8, 3, [0] * 160)),
        ("samples: retransmission", "SAMPLES", 16, 2000, samples(2, 8, 3, first=100, flags=1)),
        ("samples: saturated", "SAMPLES", 17, 2000, samples(2, 8, 3, [8388607, -8388608] * 8, first=102, flags=2)),
        ("samples: retransmission, saturated", "SAMPLES", 18, 2000, samples(2, 8, 2, first=104, flags=3)),
        ("samples: RA off", "SAMPLES", 19, 2000, samples(2, 8, 3, first=106, electrodesOff=0x001)),
        ("samples: LL and V6 off", "SAMPLES", 20, 2000, samples(2, 8, 3, first=108, electrodesOff=0x204)),
        ("samples: every electrode off", "SAMPLES", 21, 2000, samples(2, 8, 3, first=110, electrodesOff=0x3FF)),
        ("samples: sequence before the wrap", "SAMPLES", 65535, 2000, samples(1, 8, 3, first=112)),
        ("samples: sequence after the wrap", "SAMPLES", 0, 4000, samples(1, 8, 3, first=113)),
        ("samples: index above 2^32", "SAMPLES", 1, 2**40, samples(1, 8, 3, first=2**32)),
        ("samples: index and clock of 2^53 - 1", "SAMPLES", 2, 2**53 - 1, samples(1, 8, 3, first=2**53 - 1)),
        ("samples: index and clock of 2^53 + 1", "SAMPLES", 3, BEYOND_DOUBLE, samples(1, 8, 3, first=BEYOND_DOUBLE)),
        ("samples: index and clock of 2^64 - 1", "SAMPLES", 4, U64_MAX, samples(1, 8, 3, first=U64_MAX)),
        ("resend", "RESEND", 5, one_second, {"first": 1000, "count": 10}),
        ("resend of nothing", "RESEND", 6, one_second, {"first": 0, "count": 0}),
        ("resend: largest numbers", "RESEND", 7, one_second, {"first": U64_MAX, "count": U32_MAX}),
        ("lost", "LOST", 8, one_second, {"first": 1000, "count": 10}),
        ("lost: largest numbers", "LOST", 9, one_second, {"first": U64_MAX, "count": U32_MAX}),
        ("time request", "TIME_REQ", 10, 123_456_789, {"t0": 123_456_789}),
        ("time request above 2^53", "TIME_REQ", 11, BEYOND_DOUBLE, {"t0": BEYOND_DOUBLE}),
        ("time response", "TIME_RSP", 12, 60_150, {"t0": 123_456_789, "t1": 60_000, "t2": 60_150}),
        (
            "time response above 2^53",
            "TIME_RSP",
            13,
            U64_MAX,
            {"t0": BEYOND_DOUBLE, "t1": U64_MAX - 1, "t2": U64_MAX},
        ),
        ("status: empty", "STATUS", 14, one_second, {"map": {}}),
        (
            "status: full",
            "STATUS",
            15,
            one_second,
            {"map": {"battery": 87, "temperature_c": 36.5, "dropped": 12, "uptime_ms": 3_600_000}},
        ),
        (
            "status: more than 32 bits, cold, empty battery",
            "STATUS",
            16,
            one_second,
            {"map": {"battery": 0, "temperature_c": -10.00390625, "dropped": 2**32, "uptime_ms": 2**40}},
        ),
        ("status: whole degrees", "STATUS", 17, one_second, {"map": {"temperature_c": -7}}),
        ("event: patient button", "EVENT", 18, one_second, {"sample": 500, "kind": 1}),
        ("event: pacer pulse", "EVENT", 19, one_second, {"sample": 2**32, "kind": 2}),
        ("event: shock", "EVENT", 20, one_second, {"sample": BEYOND_DOUBLE, "kind": 3}),
        ("smp: echo", "SMP", 21, one_second, {"smp": "0a00000700000100bf6164626869ff"}),
        ("smp: packet of 1024 bytes", "SMP", 22, one_second, smp(smp_body(1000, bytes(range(256))))),
    ]
    packets = {name: Packet(kind, sequence, clock, fields) for name, kind, sequence, clock, fields in cases}
    for length in (253, 254, 255, 256, 508, 509):
        packets[f"run of {length} non-zero bytes, then a zero"] = nonzero_run(length, closed=True)
        packets[f"run of {length} non-zero bytes to the end"] = nonzero_run(length, closed=False)
    return packets


def raw(kind: int, payload: bytes, version: int = VERSION) -> bytes:
    return seal(HEADER.pack(version, kind, 7, 1_000_000) + payload)


def decode_only() -> dict[str, bytes]:
    """Frames that say the same in other words."""
    values = hello()["map"]
    indefinite = b"\xbf" + b"".join(cbor2.dumps(key) + cbor2.dumps(value) for key, value in values.items()) + b"\xff"
    status = {"battery": 50, "temperature_c": 37.0, "lead_impedance_kohm": [12, 13], "uptime_ms": 1}
    return {
        "hello with keys in the specification's order": encode_frame(raw(TYPES["HELLO"], cbor2.dumps(values))),
        "hello of indefinite length": encode_frame(raw(TYPES["HELLO"], indefinite)),
        "status with a double and an unknown key": encode_frame(raw(TYPES["STATUS"], cbor2.dumps(status))),
        "full last block closed by an empty one": cobs_encode(encode_packet(nonzero_run(254, closed=False))) + b"\1\0",
    }


def invalid_frames() -> dict[str, tuple[bytes, str]]:
    good = encode_packet(Packet("SAMPLES", 1, 2000, samples(10, 8, 3, [7001, -7001, 0, 70000] * 20)))
    frame = encode_frame(good)
    between_blocks = next(at for at in range(40, len(frame)) if cobs_decodes(frame[:at]))
    flipped = bytearray(good)
    flipped[40] ^= 0x10
    encoded_flip = bytearray(frame)
    encoded_flip[60] ^= 0x01 if encoded_flip[60] != 0x01 else 0x02

    def of(kind: str, payload: bytes) -> bytes:
        return encode_frame(raw(TYPES[kind], payload))

    def samples_payload(**changes: int) -> bytes:
        fields = samples(2, 8, 3)
        payload = bytearray(encode_payload("SAMPLES", fields))
        for name, value in changes.items():
            payload[{"count": 8, "channels": 9, "bytesPerValue": 13}[name]] = value
        return bytes(payload)

    map_without_boot = {key: value for key, value in hello()["map"].items() if key != "boot"}
    return {
        "crc: one bit of the packet turned": (encode_frame(bytes(flipped)), "crc"),
        "crc: one byte of the frame changed": (bytes(encoded_flip), "crc"),
        "crc: zero": (encode_frame(good[: -CRC.size] + bytes(CRC.size)), "crc"),
        "crc: big-endian": (encode_frame(good[: -CRC.size] + good[: -CRC.size - 1 : -1]), "crc"),
        "crc: last byte of the packet missing": (encode_frame(good[:-1]), "crc"),
        "crc: bad, and another version": (encode_frame(b"\2" + good[1:]), "crc"),
        "cobs: frame cut inside a block": (frame[: between_blocks - 1] + b"\0", "cobs"),
        "crc: frame cut between two blocks": (frame[:between_blocks] + b"\0", "crc"),
        "cobs: code byte beyond the end": (b"\x05\x11\x22\0", "cobs"),
        "too short: one byte": (b"\x02\x01\0", "too-short"),
        "too short: header without CRC": (encode_frame(HEADER.pack(1, TYPES["START"], 0, 0)), "too-short"),
        "too short: 15 bytes": (encode_frame(raw(TYPES["START"], b"")[1:]), "too-short"),
        "too long: 1025 bytes": (of("SMP", bytes.fromhex(smp(smp_body(1001, b"\xa5" * 990))["smp"])), "too-long"),
        "too long: 1025 zeros in a frame of 1026 bytes": (b"\1" * 1026 + b"\0", "too-long"),
        "too long: one sample too many": (
            encode_frame(encode_packet(Packet("SAMPLES", 1, 2000, samples(42, 8, 3)))),
            "too-long",
        ),
        "too long: 4000 bytes of noise": (bytes(at % 255 + 1 for at in range(4000)) + b"\0", "too-long"),
        "version 0": (encode_frame(raw(TYPES["START"], b"", version=0)), "version"),
        "version 2": (encode_frame(raw(TYPES["HELLO"], encode_payload("HELLO", hello()), version=2)), "version"),
        "type 0x00": (encode_frame(raw(0x00, b"")), "type"),
        "type 0x7f": (encode_frame(raw(0x7F, b"anything")), "type"),
        "samples: none": (of("SAMPLES", b""), "payload"),
        "samples: header of 13 bytes": (of("SAMPLES", samples_payload()[:13]), "payload"),
        "samples: count of 0": (of("SAMPLES", samples_payload(count=0)[:14]), "payload"),
        "samples: no channels": (of("SAMPLES", samples_payload(channels=0)[:14]), "payload"),
        "samples: values missing": (of("SAMPLES", samples_payload(count=3)), "payload"),
        "samples: a byte missing": (of("SAMPLES", samples_payload()[:-1]), "payload"),
        "samples: a byte too many": (of("SAMPLES", samples_payload() + b"\0"), "payload"),
        "samples: 1 byte per value": (of("SAMPLES", samples_payload(bytesPerValue=1)[:30]), "payload"),
        "samples: 4 bytes per value": (of("SAMPLES", samples_payload(bytesPerValue=4) + bytes(16)), "payload"),
        "ack of one byte": (of("ACK", b"\x03"), "payload"),
        "resend of 11 bytes": (of("RESEND", bytes(11)), "payload"),
        "lost of 8 bytes": (of("LOST", bytes(8)), "payload"),
        "time request of 4 bytes": (of("TIME_REQ", bytes(4)), "payload"),
        "time response of 23 bytes": (of("TIME_RSP", bytes(23)), "payload"),
        "event without a kind": (of("EVENT", bytes(8)), "payload"),
        "hello: empty": (of("HELLO", b""), "payload"),
        "hello: an array": (of("HELLO", cbor2.dumps([1, 2])), "payload"),
        "hello: cut": (of("HELLO", encode_payload("HELLO", hello())[:-3]), "payload"),
        "hello: without boot": (of("HELLO", cbor2.dumps(map_without_boot)), "payload"),
        "hello: boot is text": (of("HELLO", encode_payload("HELLO", hello(boot="1"))), "payload"),
        "status: not CBOR": (of("STATUS", b"\xff"), "payload"),
        "smp: shorter than its header": (of("SMP", bytes(7)), "payload"),
        "smp: length field too large": (of("SMP", bytes.fromhex("0a00000a00010101a0")), "payload"),
    }


def cobs_decodes(encoded: bytes) -> bool:
    try:
        cobs_decode(encoded)
        return True
    except BadFrame:
        return False


def streams(frames: dict[str, bytes]) -> list[dict[str, Any]]:
    start, stop, block = frames["start"], frames["stop"], frames["samples: 20 ms of 8 x 24 bit at 500 Hz"]
    noise = bytes((at * 89 + 17) % 255 + 1 for at in range(3000))
    cases: list[tuple[str, bytes, list[str]]] = [
        ("nothing but delimiters", bytes(5), []),
        ("two frames, an empty one between", start + b"\0" + stop, ["start", "stop"]),
        ("the end of a frame first", block[100:] + start, ["start"]),
        ("a frame cut and followed by another", block[:50] + start + stop, ["stop"]),
        ("a byte lost in the first of two", block[:50] + block[51:] + start, ["start"]),
        ("a delimiter lost", start[:-1] + stop + start, ["start"]),
        ("a delimiter inserted", block[:50] + b"\0" + block[50:] + start, ["start"]),
        ("noise longer than any frame", noise + b"\0" + start, ["start"]),
        ("noise without an end", start + noise, ["start"]),
    ]
    result = []
    for name, stream, expected in cases:
        packets, bad, _ = decode_stream(stream)
        assert [packet.type for packet in packets] == [frame_type(frames[name]) for name in expected], name
        result.append({"name": name, "bytes": stream.hex(), "packets": expected, "bad": len(bad)})
    return result


def frame_type(frame: bytes) -> str:
    return NAMES[cobs_decode(frame[:-1])[1]]


def described(name: str, frame: bytes) -> dict[str, Any]:
    packet_bytes = cobs_decode(frame[:-1])
    packet = decode_packet(packet_bytes)
    fields = {"sequence": packet.sequence, "clock": packet.clock, **packet.fields}
    return {
        "name": name,
        "type": packet.type,
        "fields": {key: str(value) if key in U64_FIELDS else value for key, value in fields.items()},
        "packet": packet_bytes.hex(),
        "frame": frame.hex(),
    }


def document() -> str:
    sources = valid_packets()
    frames = {name: encode_frame(encode_packet(packet)) for name, packet in sources.items()}
    for name, packet in sources.items():
        assert decode_packet(cobs_decode(frames[name][:-1])) == packet, name
        assert len(encode_packet(packet)) <= LONGEST_PACKET, name
    packets = [described(name, frame) for name, frame in frames.items()]
    packets += [{**described(name, frame), "decodeOnly": True} for name, frame in decode_only().items()]

    invalid = []
    for name, (frame, reason) in invalid_frames().items():
        _, bad, rest = decode_stream(frame)
        assert (bad, rest) == ([reason], b""), (name, bad, reason)
        invalid.append({"name": name, "frame": frame.hex(), "reason": reason})

    def array(items: list[dict[str, Any]]) -> str:
        return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in items) + "\n]"

    return f'{{\n"packets": {array(packets)},\n"invalid": {array(invalid)},\n"streams": {array(streams(frames))}\n}}\n'


def main(arguments: list[str]) -> int:
    text = document()
    if "--check" in arguments:
        current = OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == text
        print(f"{OUTPUT.name}: {'current' if current else 'out of date: run make_ecg_link_vectors.py'}")
        return 0 if current else 1
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
