"""What a subscriber may rely on, field by field, from the specification of the MQTT messages alone."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

Json = dict[str, Any]

PHASES = ("start", "continue", "update", "escalate", "deescalate", "end", "reset")
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LEADS = {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"}


def utc(text: str) -> float:
    """RFC 3339 UTC with milliseconds, as UNIX time."""
    assert isinstance(text, str) and TIME.fullmatch(text), f"not RFC 3339 UTC with milliseconds: {text!r}"
    return datetime.fromisoformat(text).timestamp()


def fields(message: Json, names: Iterable[str], where: str) -> None:
    absent = [name for name in names if name not in message]
    assert not absent, f"{where} lacks {absent}: {message}"


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_unit(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def check_signal(signal: Json, where: str) -> None:
    fields(signal, ("start", "end", "rate", "missing", "leadsOff", "quality"), where)
    assert utc(signal["end"]) > utc(signal["start"]), where
    assert signal["rate"] > 0 and is_count(signal["missing"]) and is_unit(signal["quality"]), f"{where}: {signal}"
    assert isinstance(signal["leadsOff"], list) and set(signal["leadsOff"]) <= LEADS, f"{where}: {signal}"


def check_assessment(message: Json, gateway: str, device: str) -> None:
    where = f"assessment of {device}"
    fields(
        message,
        ("schema", "device", "gateway", "window", "quality", "tasks", "signal", "model", "latencyMs"),
        where,
    )
    assert message["schema"] == "urn:ecgclip:assessment:1"
    assert (message["device"], message["gateway"]) == (device, gateway)
    assert is_count(message["window"]) and message["latencyMs"] >= 0
    assert message["quality"] in ("good", "degraded", "uninterpretable")
    tasks = message["tasks"]
    if message["quality"] == "uninterpretable":
        assert tasks == {}, f"{where}: an uninterpretable window carries findings: {tasks}"
    else:
        assert tasks and all(is_unit(p) for p in tasks.values()), f"{where}: {tasks}"
    check_signal(message["signal"], where)
    fields(message["signal"], ("firstSample", "samples"), where)
    assert is_count(message["signal"]["firstSample"]) and is_count(message["signal"]["samples"])
    assert message["signal"]["missing"] <= message["signal"]["samples"]
    fields(message["model"], ("bundle", "version", "provider", "precision"), f"{where}, model")


def check_alert(message: Json, gateway: str, device: str, key: str) -> None:
    where = f"alert {key} of {device}"
    fields(
        message,
        ("schema", "id", "seq", "session", "phase", "state", "priority", "type", "condition", "evidence")
        + ("signal", "time", "historical", "device", "gateway", "subject"),
        where,
    )
    assert message["schema"] == "urn:ecgclip:alert:1"
    assert (message["device"], message["gateway"]) == (device, gateway)
    assert ULID.fullmatch(message["id"]), f"{where}: {message['id']!r} is not a ULID"
    assert is_count(message["seq"]) and is_count(message["session"])
    assert message["phase"] in PHASES and message["state"] in ("inactive", "active", "latched")
    assert message["type"] in ("SP", "ST", "SA") and message["priority"] in ("PM", "PL", "PN"), "no default is PH"
    assert isinstance(message["historical"], bool)
    assert message["subject"] is None or isinstance(message["subject"], str)
    condition = message["condition"]
    fields(condition, ("key", "display", "group", "codes"), f"{where}, condition")
    assert condition["key"] == key and condition["display"]
    for code in condition["codes"]:
        assert set(code) >= {"system", "code"} and all(isinstance(code[k], str) for k in ("system", "code")), code
    times = message["time"]
    fields(times, ("raised", "published", "uncertaintyMs", "latencyMs"), f"{where}, time")
    assert utc(times["raised"]) <= utc(times["published"]), f"{where}: {times}"
    if message["phase"] == "start":
        assert message["state"] == "active", f"{where}: {message}"
    if message["phase"] in ("end", "reset"):
        assert message["state"] in ("inactive", "latched"), f"{where}: {message}"
    if message["type"] == "SA":
        assert message["priority"] == "PN", f"{where}: a finding is SA/PN unless the site raises it"
        evidence = message["evidence"]
        fields(evidence, ("probability", "threshold", "windows", "saliency", "model"), f"{where}, evidence")
        assert is_unit(evidence["probability"]) and is_unit(evidence["threshold"]) and is_count(evidence["windows"])
        assert all(math.isfinite(v) for v in evidence["saliency"])
        model = evidence["model"]
        fields(model, ("bundle", "version", "sha256", "provider", "precision"), f"{where}, model")
        assert re.fullmatch(r"[0-9a-f]{64}", model["sha256"])
        assert condition["group"] in ("diagnosis", "echo", "rare") and condition["codes"]
        check_signal(message["signal"], where)
        assert times["uncertaintyMs"] >= 0 and times["latencyMs"] >= 0


def check_gateway_state(message: Json) -> None:
    fields(message, ("state", "session"), "gateway state")
    assert message["state"] in ("online", "offline") and is_count(message["session"])


def check_device_state(message: Json) -> None:
    fields(message, ("state",), "device state")
    assert message["state"] in ("connected", "streaming", "stalled", "lost"), message


def check_health(message: Json) -> None:
    text = str(message).lower()
    for word in ("version", "uptime", "rss", "cpu", "provider", "outbox", "clock"):
        assert word in text, f"health says nothing of {word}: {message}"


def check_alerts_in_sequence(sequences: list[int]) -> None:
    """`seq` rises by one with every alert message of a gateway; a repeated delivery has the same `seq`."""
    fresh = [seq for n, seq in enumerate(sequences) if seq not in sequences[:n]]
    assert fresh == list(range(fresh[0], fresh[0] + len(fresh))), f"alert sequence has gaps or steps back: {sequences}"
