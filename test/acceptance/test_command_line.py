"""The command line: what it refuses, with exit code 2 or 3 and one clear line, and what it shows."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ecg_link_emulator as link
import wfdb16
from conftest import World
from stage import CLI, DEMO, ROOT, Broker, Gateway, Ran, ecgclip, retained, wait_for
from test_emulator import TinyHost

NOBODY = "mqtt://127.0.0.1:9"  # a port that nobody listens on: what is refused is refused before a broker is needed


# ---- refusals ----


def check_refused(ran: Ran, *words: str) -> None:
    lines = [line for line in ran.err.splitlines() if line.strip()]
    assert ran.code in (2, 3), ran
    assert len(lines) == 1, f"{len(lines)} lines on stderr:\n{ran.err}"
    assert not re.search(r"\bat .*:\d+:\d+|undefined|\[object", lines[0]), lines[0]
    for word in words:
        assert word.lower() in lines[0].lower(), f"{word!r} is not in {lines[0]!r}"


@pytest.fixture
def run_refused(built: None, tmp_path: Path) -> Callable[..., Ran]:
    def run(*arguments: str | Path, device: str = "serial:/dev/ttyNONE7", broker: str = NOBODY) -> Ran:
        return ecgclip(
            "run", "--data", tmp_path / "data", "--broker", broker, "--device", device, *arguments, seconds=30
        )

    return run


def test_a_port_that_does_not_exist_is_refused(run_refused: Callable[..., Ran]) -> None:
    check_refused(run_refused(), "/dev/ttyNONE7")


def test_a_port_in_use_is_refused(run_refused: Callable[..., Ran]) -> None:
    carrier = link.PtyCarrier()
    holder = os.open(carrier.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        check_refused(run_refused(device=f"serial:{carrier.path}"), carrier.path)
    finally:
        os.close(holder)
        carrier.unplug()


def test_a_port_of_another_gateway_is_refused(world: World, run_refused: Callable[..., Ran]) -> None:
    device = world.steady.devices["clean-500"]  # whose port stays open, unlike that of one that only makes noise
    wait_for(device.carrier.host_present, 30, "open port")
    check_refused(run_refused(device=device.uri, broker=world.steady.broker.url), device.carrier.path)


def test_an_embedded_broker_whose_port_is_taken_is_refused(built: None, tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    try:
        config = tmp_path / "gateway.yaml"
        config.write_text(f"broker:\n  url: embedded\n  embeddedPort: {broker.port}\n")
        check_refused(ecgclip("run", "-c", config, "--data", tmp_path / "data", seconds=30), str(broker.port))
    finally:
        broker.stop()


@pytest.mark.parametrize(
    "device",
    [
        "serial:",
        "carrier-pigeon:/dev/ttyS0",
        "/dev/ttyS0",
        "tcp:localhost",
        "serial:/dev/ttyS0?baud=fast",
        "replay:/nope",
    ],
)
def test_a_device_that_cannot_be_is_refused(run_refused: Callable[..., Ran], device: str) -> None:
    check_refused(run_refused(device=device), device.removeprefix("replay:"))


@pytest.mark.parametrize("hop", ["0", "-5", "NaN", "soon", "1e9"])
def test_a_senseless_hop_is_refused(run_refused: Callable[..., Ran], hop: str) -> None:
    check_refused(run_refused("--hop", hop), "hop")


@pytest.mark.parametrize("broker", ["http://127.0.0.1", "mqtt://127.0.0.1:99999", "127.0.0.1", "mqtt://192.0.2.1"])
def test_a_senseless_or_unencrypted_broker_is_refused(run_refused: Callable[..., Ran], broker: str) -> None:
    check_refused(run_refused(broker=broker), broker.removeprefix("mqtt://"))


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "x" * 100, "two\nlines"])
def test_an_id_that_cannot_stand_in_a_topic_is_refused(
    world: World, run_refused: Callable[..., Ran], name: str
) -> None:
    check_refused(run_refused("--id", name, device="tcp:127.0.0.1:9"), "id")


def test_a_data_folder_that_is_a_file_is_refused(run_refused: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    check_refused(run_refused("--data", tmp_path / "letter"), str(tmp_path / "letter"))


@pytest.mark.parametrize("arguments", [["run", "--colour", "red"], ["fly"], ["assess"], ["replay"]])
def test_bad_usage_is_refused(built: None, arguments: list[str]) -> None:
    check_refused(ecgclip(*arguments))


@pytest.mark.parametrize("choice", [("--variant", "fp7"), ("--provider", "abacus")])
def test_a_variant_or_provider_that_is_not_there_is_refused(built: None, choice: tuple[str, str]) -> None:
    check_refused(ecgclip("assess", DEMO.with_suffix(""), "--json", *choice), choice[1])


def test_unknown_keys_of_the_configuration_are_refused_by_name(run_refused: Callable[..., Ran], tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("id: amb-12\nhopsSeconds: 5\n")
    check_refused(run_refused("-c", config), "hopsSeconds")
    config.write_text("broker: {\n")
    check_refused(run_refused("-c", config), "gateway.yaml")
    check_refused(run_refused("-c", tmp_path / "none.yaml"), "none.yaml")


def bundle_files() -> list[str]:
    return sorted(path.name for path in (ROOT / "models/reference").iterdir() if path.is_file())


@pytest.mark.parametrize("name", bundle_files() or ["manifest.json"])
def test_a_bundle_with_one_byte_changed_is_refused(
    run_refused: Callable[..., Ran], world: World, tmp_path: Path, name: str
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(ROOT / "models/reference", bundle)
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    check_refused(run_refused("--bundle", bundle, device=world.noise.devices["noise"].uri), str(bundle))
    if name.endswith(".onnx"):
        check_refused(ecgclip("assess", world.recordings["sinus"], "--json", "--bundle", bundle), name)


@pytest.mark.parametrize("name", ["manifest.sig", "goldens.bin"])
def test_a_bundle_with_a_missing_file_is_refused(run_refused: Callable[..., Ran], tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(ROOT / "models/reference", bundle, ignore=shutil.ignore_patterns(name))
    check_refused(run_refused("--bundle", bundle), name)


def test_what_is_not_a_bundle_is_refused(run_refused: Callable[..., Ran], tmp_path: Path) -> None:
    check_refused(run_refused("--bundle", tmp_path), str(tmp_path))
    check_refused(run_refused("--bundle", tmp_path / "none"), str(tmp_path / "none"))


def test_what_is_not_a_wfdb_record_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam\n")
    check_refused(ecgclip("assess", tmp_path / "letter.txt", "--json"), "letter.txt")
    check_refused(ecgclip("assess", tmp_path / "nothing", "--json"), "nothing")
    (tmp_path / "odd.hea").write_text("odd 12 five-hundred\n")
    check_refused(ecgclip("assess", tmp_path / "odd", "--json"), "odd")
    (tmp_path / "binary.hea").write_bytes(bytes(range(256)))
    check_refused(ecgclip("assess", tmp_path / "binary", "--json"), "binary")
    header = world.recordings["sinus"].with_suffix(".hea").read_text()
    (tmp_path / "short.hea").write_text(header.replace("sinus", "short"))
    (tmp_path / "short.dat").write_bytes(bytes(1000))
    check_refused(ecgclip("assess", tmp_path / "short", "--json"), "short")
    (tmp_path / "short.dat").unlink()
    check_refused(ecgclip("assess", tmp_path / "short", "--json"), "short")


# ---- what it shows ----


@pytest.mark.parametrize("command", ["", "demo", "run", "replay", "assess", "evaluate", "bench"])
def test_every_command_explains_itself(built: None, command: str) -> None:
    ran = ecgclip(*([command] if command else []), "--help")
    assert ran.code == 0 and ran.out.startswith(f"Usage: ecgclip {command}".strip()) and ran.err == ""


def test_a_replayed_record_speaks_ecg_link(built: None) -> None:
    process = subprocess.Popen(
        [*CLI, "replay", str(DEMO.with_suffix("")), "--to", "pty"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        path = process.stdout.readline().decode().strip()
        assert path.startswith("/dev/pts/"), path
        host = TinyHost(path)
        host.run(3.0)
        host.close()
    finally:
        process.kill()
        process.communicate()
    assert host.hello is not None and host.framer.bad == 0
    assert {"id", "model", "fw", "boot", "rate_mhz", "lsb_pv", "leads", "retain", "caps"} <= set(host.hello)
    assert host.hello["leads"] == list(wfdb16.LEADS8) and host.hello["rate_mhz"] == 500_000
    assert min(trip for trip, _ in host.offsets) < 0.02
    indices = [n for _, n in host.samples]
    assert len(indices) > 500 and indices == list(range(indices[0], indices[0] + len(indices)))
    lsb = host.hello["lsb_pv"]
    assert isinstance(lsb, int)
    values = np.array(
        [
            [
                int.from_bytes(raw[at : at + len(raw) // 8], "little", signed=True)
                for at in range(0, len(raw), len(raw) // 8)
            ]
            for raw in host.samples.values()
        ]
    )
    played = wfdb16.read(DEMO).millivolts[: len(values)]
    assert np.abs(values * lsb * 1e-9 - played).max() <= 0.001, "the stream is not the record from its beginning"


def test_the_demo_shows_an_alert_within_a_minute(world: World) -> None:
    seconds = world.demo.seconds_until("Atrial fibrillation", "AFIB")
    assert seconds < 60, f"{seconds:.0f} s"


def test_the_embedded_broker_serves_subscribers(built: None, tmp_path: Path) -> None:
    broker = Broker(tmp_path, start=False)
    config = tmp_path / "gateway.yaml"
    config.write_text(f"broker:\n  url: embedded\n  embeddedPort: {broker.port}\n")
    gateway = Gateway(tmp_path, "own-broker", "embedded", [], "-c", str(config))
    try:
        wait_for(broker.answers, 20, "answer from the embedded broker")
        (birth,) = wait_for(lambda: retained(broker, "ecg/own-broker/state", 0.3), 10, "birth")
        assert birth.json["state"] == "online"
        assert gateway.terminate() == 0
    finally:
        gateway.clean_up()


def test_a_gateway_without_a_broker_stops_when_it_is_asked_to(built: None, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, "alone", NOBODY, [])
    try:
        wait_for(lambda: "broker" in gateway.said().lower(), 20, "word about the broker")
        time.sleep(0.5)
        asked = time.monotonic()
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(15) == 0
        assert time.monotonic() - asked < 5
    finally:
        gateway.clean_up()
