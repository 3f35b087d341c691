"""The gateway from outside: an independent device, a real broker, the real command line.

The world (conftest.py) runs all devices at once; each test waits for what it is about. ACCEPTANCE_LONG=1 makes the noise
a full minute and adds heavier losses; ECGCLIP_DATA names a folder of PTB-XL records (WFDB, as PhysioNet has them), which
are played when it is there.
"""

from __future__ import annotations

import json
import re
import struct
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecg_link_emulator as link
from conftest import AF_IN_PTBXL, MEASURED, NOISE_SECONDS, BrokerLife, Site, World, find_ptbxl
from mqtt_contract import (
    check_alert,
    check_alerts_in_sequence,
    check_assessment,
    check_device_state,
    check_gateway_state,
    check_health,
    utc,
)
from stage import ROOT, Message, Subscriber, assess, retained, wait_for

Json = dict[str, Any]
WINDOW_S = 10
CLOCK_MS = 20  # how far a window's times may be from the truth on loopback; published times are whole milliseconds
STEADY = ["clean-500", "clean-100", "lossy-500", "lossy-100"]
EVENTFUL = ["rhythm", "electrodes", "reboot", "unplug", "silent", "drift", "no-time", "deaf", "resend"]


# ---- what a subscriber has seen ----


def messages(site: Site, device: str, leaf: str) -> list[Message]:
    return [m for m in site.of(site.topic(device, leaf)) if m.payload]


def assessments(site: Site, device: str, subscriber: Subscriber | None = None) -> list[tuple[float, Json]]:
    source = subscriber or site
    return [(m.at, m.json) for m in source.of(site.topic(device, "assessment"))]


def wait_for_windows(site: Site, device: str, count: int, seconds: float = 100) -> list[tuple[float, Json]]:
    def enough() -> list[tuple[float, Json]]:
        assert site.gateway.alive(), site.gateway.said()[-2000:]
        error = site.devices[device].error
        assert error is None, error
        seen = assessments(site, device)
        return seen if len(seen) >= count else []

    return wait_for(enough, seconds, f"{count} windows of {device}")


def wait_for_second(site: Site, device: str, second: float) -> list[tuple[float, Json]]:
    """All windows so far, once one is there that ends at or after this second of the stream."""
    boot = site.devices[device].boots[0]

    def there() -> list[tuple[float, Json]]:
        seen = assessments(site, device)
        if seen and any(
            (w["signal"]["firstSample"] - boot.first_received) / rate(site, device) >= second - 10 for _, w in seen
        ):
            return seen
        return []

    return wait_for(there, second + 40, f"window of {device} that ends at {second} s")


def wait_for_start(device: link.Device) -> float:
    """When the host's first START came, on the monotonic clock."""
    return wait_for(lambda: device.streaming_since, 40, f"START to {device.options.id}")


def rate(site: Site, device: str) -> int:
    return site.devices[device].recording.rate


def alerts(site: Site, device: str, kind: str, subscriber: Subscriber | None = None) -> list[Json]:
    source = subscriber or site
    found = [m.json for m in source.of(site.topic(device, "alert/")) if m.payload]
    return [alert for alert in found if alert["type"] == kind]


def states(site: Site, device: str) -> list[tuple[float, str]]:
    return [(m.at, m.json["state"]) for m in messages(site, device, "state")]


def number_under(document: object, word: str) -> float | None:
    """The first number whose key contains a word, at any depth: the specification names figures, not every key."""
    if isinstance(document, dict):
        for key, value in document.items():
            if word in key.lower() and isinstance(value, int | float):
                return float(value)
            found = number_under(value, word)
            if found is not None:
                return found
    return None


def stated(site: Site, device: str) -> list[float | None]:
    """The clock's uncertainty as each state of a device gave it."""
    return [number_under(m.json, "uncertainty") for m in messages(site, device, "state")]


def check_windows(site: Site, device: str, boot: link.Boot, seen: list[tuple[float, Json]], clock_ms: float) -> None:
    """Index, place, loss and time of each window of one boot, against the truth that the device kept.

    Times may be off by `clock_ms`, or by what the gateway itself states on a machine that is too busy for that.
    """
    clock_ms = max([clock_ms, *(value for value in stated(site, device) if value is not None)])
    per_second = rate(site, device)
    length, step = WINDOW_S * per_second, site.hop * per_second
    errors = [round((utc(w["signal"]["start"]) - boot.utc(w["signal"]["firstSample"])) * 1000) for _, w in seen]
    for order, (at, window) in enumerate(seen):
        signal = window["signal"]
        where = f"{device}, window {window['window']}"
        check_assessment(window, site.gateway.id, device)
        assert window["window"] == seen[0][1]["window"] + order, where
        assert signal["firstSample"] == boot.first_received + order * step, where
        assert (signal["samples"], signal["rate"]) == (length, per_second), where
        first = signal["firstSample"]
        assert signal["missing"] == len(boot.missing(first, length)), (
            f"{where}: never delivered {boot.missing(first, length)}"
        )
        error_ms = abs(utc(signal["start"]) - boot.utc(first)) * 1000
        assert error_ms <= clock_ms, f"{where}: start is {error_ms:.1f} ms off; {errors}, stated {stated(site, device)}"
        MEASURED.setdefault(f"{device}: start off by, ms", []).append(error_ms)
        last, after = boot.utc(first + length - 1), boot.utc(first + length)  # either is "the end"
        assert last - clock_ms / 1000 <= utc(signal["end"]) <= after + clock_ms / 1000, f"{where}: end"
        assert -0.05 <= at - last < 3, f"{where}: published {at - last:.2f} s after its last sample"
        MEASURED.setdefault(f"{device}: from the last sample to the subscriber, ms", []).append((at - last) * 1000)


# ---- session and state ----


def test_birth_is_retained_and_names_the_session(world: World) -> None:
    site = world.steady
    topic = f"ecg/{site.gateway.id}/state"
    wait_for(lambda: site.of(topic), 20, "birth")
    (birth,) = retained(site.broker, topic)
    check_gateway_state(birth.json)
    assert birth.json["state"] == "online" and birth.qos == 1


@pytest.mark.parametrize("device", STEADY)
def test_device_state_is_retained_and_reaches_streaming(world: World, device: str) -> None:
    site = world.steady
    wait_for(lambda: "streaming" in [s for _, s in states(site, device)], 30, f"streaming {device}")
    for message in messages(site, device, "state"):
        check_device_state(message.json)
        assert message.qos == 1
    assert [m.json["state"] for m in retained(site.broker, site.topic(device, "state"))] == ["streaming"]


def test_the_host_opens_the_session_as_specified(world: World) -> None:
    for device in [*world.steady.devices.values(), *world.eventful.devices.values()]:
        if (
            device.options.unplugs
            or device.options.silences
            or device.options.reboots
            or device.options.damage != link.Damage()
        ):
            continue
        wait_for_start(device)
        heard = list(device.heard)
        kinds = [p.type for _, p in heard]
        start = kinds.index(link.START)
        assert device.bad_frames_heard == 0
        assert set(kinds) <= {link.HELLO_REQ, link.START, link.TIME_REQ, link.RESEND}, device.options.id
        for (_, one), (_, next_) in pairwise(heard):
            assert next_.sequence == (one.sequence + 1) & 0xFFFF, device.options.id
            assert next_.clock_us >= one.clock_us, device.options.id
        asked = [p.clock_us for _, p in heard[:start] if p.type == link.TIME_REQ]
        if "time" in device.options.caps:
            assert len(asked) >= 8, f"{device.options.id}: {len(asked)} TIME_REQ before START"
            assert min(np.diff(asked[:8])) >= 60_000, (
                f"{device.options.id}: less than 60 ms apart: {np.diff(asked[:8])}"
            )
        assert all(len(p.payload) == (8 if p.type == link.TIME_REQ else 0) for _, p in heard if p.type != link.RESEND)


def test_hello_and_start_are_repeated_to_a_device_that_does_not_hear(world: World) -> None:
    device = world.eventful.devices["deaf"]
    wait_for_start(device)
    asked = [at for at, _ in device.heard_of(link.HELLO_REQ)][:4]
    started = [at for at, _ in device.heard_of(link.START)][:3]
    assert len(asked) == 4 and np.all(np.abs(np.diff(asked) - 0.5) < 0.15), np.diff(asked)
    assert len(started) == 3 and np.all(np.abs(np.diff(started) - 1.0) < 0.3), np.diff(started)


# ---- windows ----


@pytest.mark.parametrize("device", STEADY)
def test_every_window_is_assessed_once_with_exact_losses_and_times(world: World, device: str) -> None:
    seen = wait_for_windows(world.steady, device, 6)
    check_windows(world.steady, device, world.steady.devices[device].boot, seen, CLOCK_MS)


def test_two_frames_in_five_lost_are_accounted_for_to_the_sample(world: World) -> None:
    if world.battered is None:
        pytest.skip("takes a minute more: ACCEPTANCE_LONG=1")
    for name, device in world.battered.devices.items():
        check_windows(world.battered, name, device.boot, wait_for_windows(world.battered, name, 50), CLOCK_MS)


def test_damage_really_happened(world: World) -> None:
    for name in ("lossy-500", "lossy-100"):
        seen = wait_for_windows(world.steady, name, 3)
        damaged = world.steady.devices[name].damaged
        assert sum(w["signal"]["missing"] for _, w in seen) > 100
        assert (
            min(damaged[kind] for kind in ("drop", "duplicate", "reorder", "corrupt")) > 5 and damaged["overflow"] == 0
        )


def test_a_clean_stream_has_good_windows_with_every_task_of_the_bundle(world: World) -> None:
    manifest = json.loads((ROOT / "models/reference/manifest.json").read_text())
    tasks = {task["id"] for task in manifest["tasks"]}
    for device in ("clean-500", "clean-100"):
        for _, window in wait_for_windows(world.steady, device, 6):
            assert window["quality"] == "good" and window["signal"]["leadsOff"] == [], window
            assert set(window["tasks"]) == tasks
            assert window["model"]["bundle"] == manifest["name"] and window["model"]["version"] == manifest["version"]


@pytest.mark.parametrize(("device", "clock_ms"), [("rhythm", CLOCK_MS), ("drift", CLOCK_MS), ("no-time", 100)])
def test_windows_a_second_apart_keep_their_place_and_time(world: World, device: str, clock_ms: float) -> None:
    seen = wait_for_windows(world.eventful, device, 20)
    check_windows(world.eventful, device, world.eventful.devices[device].boot, seen, clock_ms)


def test_uncertainty_is_stated_and_larger_without_time_exchange(world: World) -> None:
    def uncertainty(device: str) -> float:
        wait_for_windows(world.eventful, device, 5)
        values = [value for value in stated(world.eventful, device) if value is not None]
        assert values, f"no device state of {device} states the clock's uncertainty"
        return values[-1]

    assert 0 < uncertainty("rhythm") <= 30
    assert uncertainty("no-time") > uncertainty("rhythm")


def test_losses_with_resend_lie_between_what_was_in_time_and_what_never_came(world: World) -> None:
    site, device = world.eventful, world.eventful.devices["resend"]
    seen = wait_for_windows(site, "resend", 20)
    boot = device.boot
    fewer = 0
    for at, window in seen:
        first, length = window["signal"]["firstSample"], window["signal"]["samples"]
        in_time = len(boot.missing(first, length, until_utc=boot.utc(first + length - 1)))
        at_all = len(boot.missing(first, length, until_utc=at))
        assert at_all <= window["signal"]["missing"] <= in_time, f"window {window['window']}: {at_all} to {in_time}"
        fewer += int(window["signal"]["missing"] < 100)
    assert fewer > len(seen) / 2, "resend recovers little: 10 % of 5,000 samples are dropped at first"
    requests = [struct.unpack("<QI", p.payload) for _, p in device.heard_of(link.RESEND)]
    assert requests and max(requests.count(r) for r in requests) <= 2, "a gap may be asked for twice at most"


def test_time_is_asked_again_every_10_s(world: World) -> None:
    device = world.steady.devices["clean-500"]
    wait_for_second(world.steady, "clean-500", 30)
    since = device.streaming_since
    assert since is not None
    asked = [at for at, _ in device.heard_of(link.TIME_REQ) if at > since + 1]
    assert len(asked) >= 2 and np.all(np.abs(np.diff(asked) - 10) < 1.5), np.diff(asked)


# ---- quality ----


def windows_within(site: Site, device: str, seen: list[tuple[float, Json]], start_s: float, end_s: float) -> list[Json]:
    boot, per_second = site.devices[device].boot, rate(site, device)
    chosen = []
    for _, window in seen:
        at = (window["signal"]["firstSample"] - boot.first_received) / per_second
        if start_s <= at and at + WINDOW_S <= end_s:
            chosen.append(window)
    return chosen


def test_electrodes_off_decide_the_quality(world: World) -> None:
    site = world.eventful
    seen = wait_for_second(site, "electrodes", 58)
    check_windows(site, "electrodes", site.devices["electrodes"].boot, seen, CLOCK_MS)
    without_ra = windows_within(site, "electrodes", seen, 12, 24)
    assert len(without_ra) == 3 and all(
        w["quality"] == "uninterpretable" and w["signal"]["leadsOff"] for w in without_ra
    )
    without_v3 = windows_within(site, "electrodes", seen, 30, 42)
    assert [(w["quality"], w["signal"]["leadsOff"]) for w in without_v3] == [("degraded", ["V3"])] * 3
    attached = [w for span in ((0, 12), (42, 58)) for w in windows_within(site, "electrodes", seen, *span)]
    assert len(attached) >= 8 and all(w["quality"] == "good" and w["signal"]["leadsOff"] == [] for w in attached), (
        attached
    )


def test_electrodes_off_raise_a_technical_alert_and_are_part_of_the_state(world: World) -> None:
    site, boot = world.eventful, world.eventful.devices["electrodes"].boot
    wait_for_second(site, "electrodes", 56)
    technical = alerts(site, "electrodes", "ST")
    raised = [utc(a["time"]["raised"]) - boot.utc(boot.first_received) for a in technical if a["phase"] == "start"]
    assert any(12 <= at <= 24 for at in raised), f"no ST alert while RA was off: {technical}"
    assert "end" in [a["phase"] for a in technical]
    reported = [
        (m.at - boot.utc(boot.first_received), m.payload.decode()) for m in messages(site, "electrodes", "state")
    ]
    for name, start, end in (("RA", 12, 24), ("V3", 30, 42), ("RL", 46, 54)):
        assert any(f'"{name}"' in text for at, text in reported if start <= at <= end + 2), (
            f"{name} off is not reported"
        )


# ---- alerts ----


def check_all_alerts(site: Site, subscriber: Subscriber | None = None) -> None:
    base = f"ecg/{site.gateway.id}/device/"
    sequence = []
    for message in (subscriber or site).of(base):
        device, leaf, *key = message.topic.removeprefix(base).split("/")
        if leaf == "alert" and message.payload:
            check_alert(message.json, site.gateway.id, device, "/".join(key))
            assert message.qos == 1
            sequence.append(message.json["seq"])
    assert sequence, "no alert at all"
    check_alerts_in_sequence(sequence)


def test_atrial_fibrillation_is_alerted_from_start_to_end(world: World) -> None:
    site = world.eventful
    boot = site.devices["rhythm"].boot
    topic = site.topic("rhythm", "alert/AFIB")

    def ended() -> list[Json]:
        found = [a for a in alerts(site, "rhythm", "SA") if a["condition"]["key"] == "AFIB"]
        life = [a for a in found if a["id"] == found[0]["id"]]
        return life if life and life[-1]["phase"] == "end" else []

    life = wait_for(ended, 120, "end of the atrial fibrillation alert")
    assert life[0]["phase"] == "start" and life[0]["state"] == "active"
    assert [a["phase"] for a in life].count("start") == [a["phase"] for a in life].count("end") == 1
    start = life[0]
    raised = utc(start["time"]["raised"]) - boot.utc(boot.first_received)
    assert 20 < raised < 50, f"fibrillation from 20 to 60 s, alert at {raised:.1f} s"
    assert start["evidence"]["probability"] >= start["evidence"]["threshold"]
    assert start["condition"]["codes"][0] == {"system": "http://snomed.info/sct", "code": "164889003"}
    first_of = {utc(w["signal"]["start"]): w["signal"]["firstSample"] for _, w in assessments(site, "rhythm")}
    for alert in life:
        assert not alert["historical"]
        first = first_of[utc(alert["signal"]["start"])]  # the window behind the alert is one that was assessed
        error = abs(utc(alert["signal"]["start"]) - boot.utc(first)) * 1000
        assert error <= alert["time"]["uncertaintyMs"] + 1, (
            f"{error:.1f} ms off, {alert['time']['uncertaintyMs']} ms stated"
        )
    wait_for(lambda: [m for m in site.of(topic) if not m.payload], 5, "clearing of the retained alert")
    assert retained(site.broker, topic) == []


def test_an_active_alert_is_retained(world: World) -> None:
    site = world.steady
    # The rhythm comes and goes, and the alert with it.
    found = wait_for(
        lambda: retained(site.broker, site.topic("clean-500", "alert/AFIB")), 150, "a retained AFIB at a hop of 5 s"
    )
    assert len(found) == 1 and found[0].json["state"] == "active" and found[0].qos == 1


def test_sinus_rhythm_raises_no_finding(world: World) -> None:
    wait_for_second(world.eventful, "drift", 50)
    assert alerts(world.eventful, "drift", "SA") == []


# ---- reboot, silence, cable ----


def test_a_reboot_starts_the_windows_again_and_is_reported(world: World) -> None:
    site, device = world.eventful, world.eventful.devices["reboot"]
    wait_for(lambda: len(device.boots) == 2 and device.boots[1].deliveries, 40, "stream after the reboot")
    before, after = device.boots
    assert after.deliveries[0][0] - after.started < 3, "START came late after the reboot"

    def again() -> list[tuple[float, Json]]:
        seen = assessments(site, "reboot")
        return seen if len([w for _, w in seen if w["signal"]["firstSample"] < before.first_received]) >= 3 else []

    seen = wait_for(again, 40, "three windows after the reboot")
    rebooted = after.started + link.UTC_OF_MONOTONIC
    turn = next(n for n, (_, w) in enumerate(seen) if w["signal"]["firstSample"] < before.first_received)
    old = seen[:turn]
    whole = [(at, w) for at, w in old if before.utc(w["signal"]["firstSample"] + 5000) < rebooted]
    assert len(whole) >= 4
    check_windows(site, "reboot", before, whole, CLOCK_MS)
    for _, window in old[len(whole) :]:  # closed as incomplete
        first = window["signal"]["firstSample"]
        assert window["signal"]["missing"] == len(before.missing(first, 5000)), window
        error_ms = abs(utc(window["signal"]["start"]) - before.utc(first)) * 1000
        assert error_ms <= CLOCK_MS, f"window {window['window']}, closed by the reboot: start is {error_ms:.0f} ms off"
    check_windows(site, "reboot", after, seen[turn:], CLOCK_MS)
    reported = [m.payload.decode().lower() for leaf in ("state", "alert/") for m in messages(site, "reboot", leaf)]
    assert any("reboot" in text for text in reported), "the reboot is not reported"


def test_an_unplugged_device_streams_again_within_3_s(world: World) -> None:
    site, device = world.eventful, world.eventful.devices["unplug"]
    replugged = wait_for(lambda: device.plugged_at, 40, "replug")[0]
    boot = device.boot
    back = wait_for(lambda: [at for at, *_ in boot.deliveries if at > replugged], 20, "samples after the replug")[0]
    assert back - replugged <= 3, f"{back - replugged:.1f} s"
    replugged_utc = replugged + link.UTC_OF_MONOTONIC
    seen = wait_for(
        lambda: [w for w in assessments(site, "unplug") if utc(w[1]["signal"]["start"]) > replugged_utc + 3],
        40,
        "windows",
    )
    during = [state for at, state in states(site, "unplug") if replugged_utc - 4 <= at <= replugged_utc]
    assert "lost" in during or "stalled" in during, f"states while unplugged: {during}"
    assert states(site, "unplug")[-1][1] == "streaming"
    technical = alerts(site, "unplug", "ST")
    assert [a["phase"] for a in technical if replugged_utc - 5 < utc(a["time"]["raised"]) < replugged_utc], technical
    for _, window in assessments(site, "unplug"):
        first = window["signal"]["firstSample"]
        assert window["signal"]["missing"] == len(boot.missing(first, 5000)), f"window {window['window']}"
        assert abs(utc(window["signal"]["start"]) - boot.utc(first)) * 1000 <= CLOCK_MS, f"window {window['window']}"
    assert seen[0][1]["signal"]["missing"] == 0


def test_a_silent_device_is_called_stalled_and_recovers(world: World) -> None:
    site, device = world.eventful, world.eventful.devices["silent"]
    start = wait_for_start(device) + link.UTC_OF_MONOTONIC
    wait_for(
        lambda: [at for at, state in states(site, "silent") if state == "streaming" and at > start + 22],
        50,
        "recovery of the silent device",
    )
    seen = states(site, "silent")
    stalled = [at - start for at, state in seen if state == "stalled"]
    assert stalled and 15.5 <= stalled[0] <= 17.5, f"silent from 14 s, stalled at {stalled}"
    back = [at - start for at, state in seen if state == "streaming" and at > start + 22]
    assert back[0] < 25.5, f"silent until 22 s, streaming at {back}"
    technical = [a for a in alerts(site, "silent", "ST") if 14 < utc(a["time"]["raised"]) - start < 19]
    assert technical, "no ST alert for a stalled stream"
    ids = {a["id"] for a in technical}
    wait_for(
        lambda: [a for a in alerts(site, "silent", "ST") if a["id"] in ids and a["phase"] == "end"],
        20,
        "end of the alert",
    )
    wait_for(
        lambda: [w for _, w in assessments(site, "silent") if utc(w["signal"]["start"]) > start + 26], 40, "windows"
    )


# ---- bad bytes ----


def test_malformed_packets_harm_nobody(world: World) -> None:
    site = world.hostile
    for device in ("healthy", "malformed"):
        seen = wait_for_windows(site, device, 20)
        check_windows(site, device, site.devices[device].boot, seen, CLOCK_MS)
    assert site.gateway.alive()


def test_a_device_that_claims_an_endless_gap_costs_nothing(world: World) -> None:
    site = world.hostile
    wait_for_windows(site, "healthy", 20)
    assert len(assessments(site, "leaping")) <= len(assessments(site, "healthy")) + 10
    assert site.gateway.rss_mb() < 600


def test_a_device_cannot_name_itself_out_of_its_topic(world: World) -> None:
    site = world.hostile
    wait_for_windows(site, "healthy", 12)
    for message in site.of("ecg/hostile/"):
        assert not set("+#") & set(message.topic) and ".." not in message.topic.split("/"), message.topic
        assert len(message.topic.split("/")) <= 6, message.topic


@pytest.mark.parametrize(
    ("device", "word"), [("version-2", "version"), ("zero-rate", "rate"), ("fast", "rate"), ("no-leads", "lead")]
)
def test_a_device_that_cannot_be_understood_is_shown_to_the_operator(world: World, device: str, word: str) -> None:
    site = world.hostile
    path = site.devices[device].carrier.path
    wait_for(
        lambda: [line for line in site.gateway.said().splitlines() if path in line and word in json.loads(line)["msg"]],
        10,
        f"word about the {word} of {path}",
    )
    assert assessments(site, device) == []


def test_two_devices_of_one_id_are_never_mixed_into_one_patient(world: World) -> None:
    site = world.hostile
    places = [(w["window"], w["signal"]["firstSample"]) for _, w in wait_for_windows(site, "same", 10)]
    assert places == [(n, places[0][1] + n * 500) for n in range(len(places))]
    told = [line for line in site.gateway.said().splitlines() if '"same"' in line and json.loads(line)["level"] >= 40]
    assert told, "not a word about the id that is there twice"


def test_nonsense_in_whole_packets_harms_nobody(world: World) -> None:
    site, device = world.hostile, world.hostile.devices["nonsense"]
    wait_for(lambda: device.heard_of(link.START), NOISE_SECONDS + 60, "START once the nonsense is over")
    wait_for_windows(site, "healthy", 5)
    wait_for_windows(site, "nonsense", 1)
    assert site.gateway.alive() and site.gateway.rss_mb() < 600


def test_a_device_whose_clock_is_mad_is_assessed_all_the_same(world: World) -> None:
    for _, window in wait_for_windows(world.hostile, "mad-clock", 5):
        check_assessment(window, "hostile", "mad-clock")


def test_noise_neither_crashes_the_gateway_nor_grows_its_memory(world: World) -> None:
    site, sizes = world.noise, world.noise_memory.result(NOISE_SECONDS + 60)
    assert site.gateway.alive() and len(sizes) > 1.5 * NOISE_SECONDS
    settled = sizes[len(sizes) // 3]  # by then the program is loaded and warm
    MEASURED["noise: memory, MB"] = sizes
    assert site.devices["noise"].babbled > NOISE_SECONDS * 92_160, "less noise than a UART of 921,600 baud can carry"
    assert max(sizes[-4:]) - settled < 30, f"{settled:.0f} MB after a third of the noise, {sizes[-1]:.0f} MB at its end"
    wait_for_windows(site, "noise", 1, 40)


# ---- broker ----


def test_a_gateway_waits_for_its_broker_and_says_so(world: World, late_broker: BrokerLife) -> None:
    site = world.late
    assert site.gateway.alive()
    assert re.search(r"broker", site.gateway.said(), re.IGNORECASE), site.gateway.said()
    wait_for(
        lambda: len(assessments(site, "late", late_broker.subscriber)) > 3, 20, "assessments once the broker is there"
    )


def test_an_alert_from_before_the_broker_came_is_delivered_as_historical(world: World, late_broker: BrokerLife) -> None:
    site = world.late

    def first() -> list[Json]:
        return [a for a in alerts(site, "late", "SA", late_broker.subscriber) if a["condition"]["key"] == "AFIB"]

    start = wait_for(first, 40, "AFIB alert from before the broker came")[0]
    assert (start["phase"], start["historical"]) == ("start", True)
    assert utc(start["time"]["published"]) - utc(start["time"]["raised"]) > 1


def test_active_alerts_are_sent_again_after_a_reconnect(world: World, late_broker: BrokerLife) -> None:
    topic = world.late.topic("late", "alert/AFIB")

    def again() -> list[Json]:
        fresh = [m.json for m in late_broker.subscriber.of(topic) if m.at > late_broker.back and m.payload]
        return [a for a in fresh if a["phase"] == "continue" and not a["historical"]]

    wait_for(again, 40, "continue after the reconnect")


def test_kill_minus_nine_leaves_the_will_and_loses_no_alert(world: World, late_broker: BrokerLife) -> None:
    site, heard = world.late, late_broker.subscriber
    topic = f"ecg/{site.gateway.id}/state"
    born = wait_for(lambda: [m.json for m in heard.of(topic) if m.json["state"] == "online"], 40, "birth")[-1]
    before = wait_for(lambda: alerts(site, "late", "SA", heard), 40, "alert")[-1]
    site.gateway.kill()
    wait_for(lambda: heard.of(topic)[-1].json["state"] == "offline", 20, "will")
    (will,) = retained(site.broker, topic)
    check_gateway_state(will.json)
    assert will.json["session"] == born["session"]
    killed = time.time()
    site.gateway.start()
    wait_for(
        lambda: [m for m in heard.of(topic) if m.at > killed and m.json["state"] == "online"],
        30,
        "second birth",
    )
    assert heard.of(topic)[-1].json["session"] != born["session"]

    def resumed() -> list[Json]:
        fresh = [a for a in alerts(site, "late", "SA", heard) if a["session"] != before["session"]]
        return [a for a in fresh if a["condition"]["key"] == before["condition"]["key"]]

    again = wait_for(resumed, 60, "the alert in the next session: it continues, or it ends and starts anew")
    assert again[0]["id"] == before["id"] or again[0]["phase"] == "start"
    check_all_alerts(site, heard)


# ---- the same answers offline ----


def check_same_answers(
    site: Site, device: str, offline: list[Json], offset_s: float = 0, tolerance: float = 0.005
) -> None:
    boot, per_second = site.devices[device].boot, rate(site, device)
    streamed = {
        (w["signal"]["firstSample"] - boot.first_received) / per_second: w["tasks"]
        for _, w in assessments(site, device)
    }
    shared = [window for window in offline if window["start_s"] + offset_s in streamed]
    assert shared, f"no window of {device} starts where one of {[w['start_s'] for w in offline]} does"
    for window in shared:
        online = streamed[window["start_s"] + offset_s]
        assert online.keys() == window["tasks"].keys()
        worst = max(online, key=lambda task: abs(online[task] - window["tasks"][task]))
        difference = abs(online[worst] - window["tasks"][worst])
        assert difference <= tolerance, f"{device}, {window['start_s']} s: {worst} differs by {difference:.4f}"


@pytest.mark.parametrize("device", ["clean-500", "clean-100"])
def test_assess_gives_the_streamed_probabilities(world: World, device: str) -> None:
    wait_for_windows(world.steady, device, 6)
    record = world.recordings[device.replace("clean", "steady")]
    offline = assess(record)
    for order, window in enumerate(offline):
        assert {"record", "window", "start_s", "quality", "tasks", "variant", "provider", "ms"} <= set(window)
        assert window["window"] == order and window["ms"] > 0
    check_same_answers(world.steady, device, offline)


@pytest.mark.parametrize("suffix", ["hr", "lr"])
def test_ptbxl_records_get_the_same_answers_and_an_alert(world: World, ptbxl: Path, suffix: str) -> None:
    site, device = world.steady, f"ptbxl-{suffix}"
    if device not in site.devices:
        pytest.skip(f"no record of PTB-XL {AF_IN_PTBXL} ends in _{suffix} under ECGCLIP_DATA")
    paths = [path for path in (find_ptbxl(n, suffix) for n in AF_IN_PTBXL) if path is not None]
    wait_for_windows(site, device, 2 * len(paths) - 1)
    check_windows(site, device, site.devices[device].boot, assessments(site, device), CLOCK_MS)
    check_same_answers(site, device, assess(world.recordings[device]))
    for order, path in enumerate(paths):
        check_same_answers(site, device, assess(path.with_suffix("")), offset_s=10 * order)
    wait_for(
        lambda: [a for a in alerts(site, device, "SA") if a["condition"]["key"] == "AFIB"],
        30,
        f"AFIB alert of {device}",
    )


# ---- at the end: everything that was said, and good-bye ----


@pytest.mark.parametrize("name", ["steady", "eventful"])
def test_every_alert_keeps_the_contract_and_the_sequence_has_no_gap(world: World, name: str) -> None:
    site: Site = getattr(world, name)
    check_all_alerts(site)


def test_health_is_published_every_minute(world: World) -> None:
    site = world.eventful
    seen = wait_for(lambda: site.of("ecg/eventful/health"), 75, "health")
    check_health(seen[0].json)


def test_mosquitto_sub_shows_the_same(world: World) -> None:
    site = world.steady
    seen = wait_for_windows(site, "clean-500", 6)
    time.sleep(0.5)
    lines = [line.split(" ", 1) for line in world.mosquitto_sub.read_text().splitlines()]
    printed = [json.loads(text) for topic, text in lines if topic == site.topic("clean-500", "assessment")]
    assert printed[: len(seen)] == [window for _, window in seen]


def test_a_gateway_that_is_asked_to_stop_says_good_bye(world: World) -> None:
    site = world.steady
    assert site.gateway.terminate() == 0
    (state,) = retained(site.broker, f"ecg/{site.gateway.id}/state")
    assert state.json["state"] == "offline"
    assert "Error" not in site.gateway.said()


def test_no_device_failed_on_the_way(world: World) -> None:
    for site in (world.steady, world.eventful, world.hostile, world.noise, world.late):
        for name, device in site.devices.items():
            assert device.error is None, f"{name}: {device.error!r}"
            assert device.bad_frames_heard == 0, f"{name} heard {device.bad_frames_heard} bad frames from the gateway"
