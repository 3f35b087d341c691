"""Prints ecg-link.json as the C tables that vectors.h declares. Standard library only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def text(value: str) -> str:
    """Octal escapes end after three digits, so nothing that follows can be taken for part of one."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in value.encode()) + '"'


def texts(values: list[str]) -> str:
    return f"(const char *const[]){{{', '.join(map(text, values)) or '0'}}}"


def octets(hexadecimal: str) -> str:
    data = bytes.fromhex(hexadecimal)
    return f"{{(const uint8_t[]){{{','.join(map(str, data))}}}, {len(data)}}}"


def initialisers(fields: dict[str, str]) -> str:
    return ", ".join(f".{name} = {value}" for name, value in fields.items())


def truth(value: bool) -> str:
    return "true" if value else "false"


def hello(values: dict[str, Any]) -> str:
    members = {
        "id": text(values["id"]),
        "model": text(values["model"]),
        "firmware": text(values["fw"]),
        "leads": texts(values["leads"]),
        "lead_count": str(len(values["leads"])),
        "caps": texts(values["caps"]),
        "cap_count": str(len(values["caps"])),
        **{name: f"{values[name]}u" for name in ("boot", "rate_mhz", "lsb_pv", "retain")},
    }
    return f"&(const struct ecg_hello){{{initialisers(members)}}}"


def status(values: dict[str, Any]) -> str:
    members = {
        "has_battery": truth("battery" in values),
        "has_temperature": truth("temperature_c" in values),
        "has_dropped": truth("dropped" in values),
        "has_uptime": truth("uptime_ms" in values),
        "battery": str(values.get("battery", 0)),
        "temperature_256": str(int(values.get("temperature_c", 0) * 256)),
        "dropped": f"{values.get('dropped', 0)}u",
        "uptime_ms": f"{values.get('uptime_ms', 0)}u",
    }
    return f"&(const struct ecg_status){{{initialisers(members)}}}"


def samples(fields: dict[str, Any]) -> dict[str, str]:
    names = ("first", "count", "channels", "electrodesOff", "flags", "bytesPerValue")
    head = ", ".join(f"{fields[name]}u" for name in names)
    values = ",".join(map(str, fields["values"]))
    return {"samples": f"&(const struct ecg_samples_header){{{head}}}", "values": f"(const int32_t[]){{{values}}}"}


def content(kind: str, fields: dict[str, Any], decode_only: bool) -> dict[str, str]:
    if decode_only:
        return {}
    match kind:
        case "HELLO":
            return {"hello": hello(fields["map"])}
        case "STATUS":
            return {"status": status(fields["map"])}
        case "SAMPLES":
            return samples(fields)
        case "RESEND" | "LOST":
            return {"range": f"{{{fields['first']}u, {fields['count']}u}}"}
        case "TIME_REQ" | "TIME_RSP":
            return {"times": f"{{{', '.join(fields[name] + 'u' for name in ('t0', 't1', 't2') if name in fields)}}}"}
        case "EVENT":
            return {"times": f"{{{fields['sample']}u}}", "small": f"{{{fields['kind']}}}"}
        case "ACK":
            return {"small": f"{{{fields['acknowledged']}, {fields['status']}}}"}
        case _:
            return {}


def packet_entry(vector: dict[str, Any]) -> str:
    decode_only = bool(vector.get("decodeOnly"))
    members = {
        "name": text(vector["name"]),
        "decode_only": truth(decode_only),
        "type": f"ECG_{vector['type']}",
        "sequence": str(vector["fields"]["sequence"]),
        "clock_us": f"{vector['fields']['clock']}u",
        **content(vector["type"], vector["fields"], decode_only),
        "packet": octets(vector["packet"]),
        "frame": octets(vector["frame"]),
    }
    return f"{{{initialisers(members)}}}"


def invalid_entry(vector: dict[str, Any]) -> str:
    return f"{{{text(vector['name'])}, {text(vector['reason'])}, {octets(vector['frame'])}}}"


def stream_entry(vector: dict[str, Any]) -> str:
    return f"{{{text(vector['name'])}, {len(vector['packets'])}, {vector['bad']}, {octets(vector['bytes'])}}}"


def table(declaration: str, count: str, entries: list[str]) -> str:
    body = ",\n".join(entries)
    return f"const struct {declaration}[] = {{\n{body}}};\nconst size_t {count} = {len(entries)};\n"


document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
print('#include "vectors.h"\n')
print(table("vector vectors", "vector_count", [packet_entry(vector) for vector in document["packets"]]))
print(table("invalid invalids", "invalid_count", [invalid_entry(vector) for vector in document["invalid"]]))
print(table("stream streams", "stream_count", [stream_entry(vector) for vector in document["streams"]]))
