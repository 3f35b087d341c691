"""
Gateways killed and brokers stopped at random, and a subscriber that finds every number: `make outbox-faults`.

| variable | by default | what |
|---|---|---|
| `ECGCLIP_KILLS` | 3 | how often the gateway is killed |
| `ECGCLIP_BROKER_SECONDS` | 10 | for how long the broker comes and goes |
| `ECGCLIP_SEED` | by chance | to draw the same instants again |

Either of the first two also runs each fault by itself, and the whole gateway beside its messaging.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import ecg_link_emulator as link
from conftest import AF, SINUS, demo
from seq_account import SeqAccount
from stage import ROOT, Broker, Gateway, retained, wait_for

THOROUGH = "ECGCLIP_KILLS" in os.environ or "ECGCLIP_BROKER_SECONDS" in os.environ
KILLS = int(os.environ.get("ECGCLIP_KILLS", "3"))
BROKER_SECONDS = float(os.environ.get("ECGCLIP_BROKER_SECONDS", "10"))
SEED = int(os.environ.get("ECGCLIP_SEED", random.SystemRandom().randrange(10**6)))
ID = "gw-1"
LONGEST_BROKER_LIFE_S, LONGEST_OUTAGE_S = 10.0, 6.0

# Findings that tell the record's two rhythms apart come and go with them; so do electrodes and cables.
TASKS = ("AFIB", "NORM", "STTC_SUPER", "MI", "IRBBB", "NDT", "DIG", "LPR", "VCLVH", "CD")
TASK_RULE = "{threshold: 0.05, tier: prompt, need: 1, of: 1, refractorySeconds: 0}"
RULES = f"""
monitor: {{enabled: false}}
alerts:
  technical:
    ELECTRODES_OFF: {{raiseAfterSeconds: 0}}
    CLOCK_UNSYNCHRONISED: {{raiseAfterSeconds: 0}}
  tasks:
    {"".join(f"{task}: {TASK_RULE}{chr(10)}    " for task in TASKS)}
"""
HOUR_S = 3600


class Ward:
    """The gateway as a user starts it, with patients whose rhythm changes and whose electrodes and cables come off now and then."""

    longest_life_s = 6.0

    def __init__(self, folder: Path, broker: Broker) -> None:
        config = folder / "gateway.yaml"
        recording = demo(SINUS, AF).decimated(100)
        self._devices = [
            link.Device(
                recording,
                link.Options(
                    f"bed-{bed}",
                    block=10,
                    unplugs=tuple((at + 3.0 * bed, 2.0) for at in range(17, HOUR_S, 43)),
                    electrodes=tuple((at + bed, at + bed + 0.5, link.V1 << bed) for at in range(2, HOUR_S, 4)),
                ),
                link.TcpCarrier(),
            ).start()
            for bed in range(3)
        ]
        # In the file, because the gateway waits for those; one named by a flag has to be there, and a cable may be off just now.
        config.write_text(RULES + "devices:\n" + "".join(f"  - uri: {device.uri}\n" for device in self._devices))
        self._launch = partial(Gateway, folder / "gateway", ID, broker.url, [], "-c", str(config), "--hop", "1")

    def start(self) -> None:
        self._gateway = self._launch()

    def kill(self) -> None:
        assert self._gateway.alive(), self._gateway.said()[-2000:]
        self._gateway.kill()

    def finish(self) -> int:
        return self._gateway.terminate()

    def clean_up(self) -> None:
        self._gateway.clean_up()
        for device in self._devices:
            device.stop()


class Flood:
    """The gateway's outbox and messaging alone, which alert as fast as disk and broker allow."""

    longest_life_s = 2.0
    program = ROOT / "dist/test/gateway/mqtt/alerting-child.js"

    def __init__(self, folder: Path, broker: Broker) -> None:
        self._command = ["node", str(self.program), broker.url, str(folder / "data"), "alert"]

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        assert self._process.poll() is None, "it ended by itself"
        self.clean_up()

    def finish(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(120)

    def clean_up(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def coming_and_going(broker: Broker, account: SeqAccount, rng: random.Random) -> Iterator[None]:
    """Stops and starts the broker at random, until the block has ended; then it is there."""
    over = threading.Event()

    def live() -> None:
        while not over.wait(rng.uniform(0, LONGEST_BROKER_LIFE_S)):
            broker.stop()
            since = time.time()
            over.wait(rng.uniform(0, LONGEST_OUTAGE_S))
            account.broker_was_away(since, time.time())
            broker.start()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class Lives:
    """Of a gateway that is killed at any instant, those before it is connected included."""

    source: Ward | Flood
    account: SeqAccount
    rng: random.Random
    kills: int = 0
    launched: float = 0.0  # UNIX time of the last start
    start_took_s: float = 1.0

    def start(self) -> None:
        self.launched = time.time()
        self.source.start()

    def go_on(self, kills: int, until: float = float("inf")) -> None:
        while self.kills < kills and time.monotonic() < until:
            time.sleep(self.rng.uniform(0, self.start_took_s + self.source.longest_life_s))
            if self.account.started > self.launched:
                self.start_took_s = self.account.started - self.launched
            else:
                self.start_took_s *= 1.1  # a machine that is busy now
            self.source.kill()
            self.kills += 1
            self.start()


@pytest.mark.parametrize("fault", ["killed", "without a broker", "both"] if THOROUGH else ["both"])
@pytest.mark.parametrize("source", [Flood, Ward] if THOROUGH else [Flood])
@pytest.mark.usefixtures("built")
def test_a_subscriber_finds_every_number(source: type[Ward | Flood], fault: str, tmp_path: Path) -> None:
    rng = random.Random(f"{SEED} {source.__name__} {fault}")
    broker = Broker(tmp_path, persistent=True)
    account = SeqAccount(broker.port, ID)
    gateway = source(tmp_path, broker)
    lives = Lives(gateway, account, rng)
    lives.start()
    try:
        account.wait_for_birth(lives.launched)
        if fault == "killed":
            lives.go_on(KILLS)
        else:
            with coming_and_going(broker, account, rng):
                end = time.monotonic() + BROKER_SECONDS
                if fault == "both":
                    lives.go_on(KILLS, end)
                time.sleep(max(0.0, end - time.monotonic()))
        account.wait_for_birth(lives.launched)
        account.wait_until_whole()
        assert gateway.finish() == 0
        wait_for(lambda: not account.online, 120, "last word of the gateway")
        print(f"\n{source.__name__} {fault}, seed {SEED}: {lives.kills} kills, {account.report()}")
        assert account.settle() == []
        shown = {message.topic: message.json["seq"] for message in retained(broker, f"ecg/{ID}/device/+/alert/+")}
        assert shown == account.open, "what is retained is the last word on what is open"
    finally:
        account.close()
        gateway.clean_up()
        broker.stop()
