"""The real parts around the gateway: broker, subscriber, and the gateway itself as a user starts it."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "models/demo/demo.hea"
CLI = ["node", str(ROOT / "dist/gateway/cli/main.js")]
Found = TypeVar("Found")


def wait_for(find: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """Whatever `find` returns first that is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still no {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Broker:
    """Debian's mosquitto on a port of its own. `persistent`: a stop and a start cost its subscribers nothing."""

    def __init__(self, folder: Path, start: bool = True, persistent: bool = False) -> None:
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        kept = f"persistence true\npersistence_location {folder}/\nuser {getpass.getuser()}\nmax_queued_messages 0\n"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{kept if persistent else ''}")
        self._process: subprocess.Popen[bytes] | None = None
        if start:
            self.start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self.answers, 10, "answer from mosquitto")

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        self._process = None


def not_json(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


@dataclass(frozen=True)
class Message:
    at: float  # UNIX time of arrival
    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def json(self) -> dict[str, Any]:
        document = json.loads(self.payload.decode("utf-8"), parse_constant=not_json)
        assert isinstance(document, dict)
        return document


class Subscriber:
    """Keeps everything that a broker delivers, in order; reconnects by itself."""

    def __init__(self, broker: Broker, topic: str = "#") -> None:
        self.messages: list[Message] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        subscribed: list[bool] = []
        self._client.on_subscribe = lambda *_: subscribed.append(True)
        self._client.on_message = lambda _client, _data, m: self.messages.append(
            Message(time.time(), m.topic, bytes(m.payload), m.qos, m.retain)
        )
        self._client.connect("127.0.0.1", broker.port, keepalive=30)
        self._client.loop_start()
        wait_for(lambda: subscribed, 5, "acknowledgement of the subscription")

    def of(self, topic: str) -> list[Message]:
        """Messages so far on a topic, or on all below it when it ends in a slash."""
        exact = not topic.endswith("/")
        return [m for m in list(self.messages) if (m.topic == topic if exact else m.topic.startswith(topic))]

    def close(self) -> None:
        leave(self._client)


def leave(client: paho.Client) -> None:
    """Disconnect, and wait until the client's thread has ended."""
    client.disconnect()
    with suppress(AttributeError):  # paho 2.2: when the thread ends between `loop_stop`'s two looks at it
        client.loop_stop()


def retained(broker: Broker, topic: str, seconds: float = 1.0) -> list[Message]:
    """What a subscriber that comes now is told at once."""
    fresh = Subscriber(broker, topic)
    time.sleep(seconds)
    fresh.close()
    return [m for m in fresh.messages if m.retain]


class Gateway:
    def __init__(self, folder: Path, gateway_id: str, broker_url: str, devices: list[str], *more: str) -> None:
        self.id, self.folder = gateway_id, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self._arguments = ["run", "--id", gateway_id, "--broker", broker_url, "--data", str(self.data), *more]
        for device in devices:
            self._arguments += ["--device", device]
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()
        with (self.folder / "stdout.log").open("ab") as out, (self.folder / "stderr.log").open("ab") as err:
            self.process = subprocess.Popen([*CLI, *self._arguments], stdout=out, stderr=err, cwd=ROOT)

    def said(self) -> str:
        return (self.folder / "stdout.log").read_text() + (self.folder / "stderr.log").read_text()

    def alive(self) -> bool:
        return self.process.poll() is None

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def clean_up(self) -> None:
        if self.alive():
            self.kill()


class Demo:
    """`ecgclip demo`, with the time at which each line came out."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._lines: list[tuple[float, str]] = []
        self._process = subprocess.Popen([*CLI, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append((time.monotonic() - self._started, line.decode()))

    def seconds_until(self, *words: str) -> float:
        def found() -> list[float]:
            return [at for at, line in self._lines if any(word in line for word in words)]

        return wait_for(found, 120, f"line of the demo with one of {words}")[0]

    def clean_up(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    seconds: float


def ecgclip(*arguments: str | Path, seconds: float = 60, cwd: Path = ROOT) -> Ran:
    """One command, run to its end; a command that hangs is reported as exit code -1."""
    started = time.monotonic()
    process = subprocess.Popen(
        [*CLI, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=os.environ
    )
    try:
        out, err = process.communicate(timeout=seconds)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        code = -1
    return Ran(code, out.decode(), err.decode(), time.monotonic() - started)


def assess(record: Path, *more: str | Path) -> list[dict[str, Any]]:
    ran = ecgclip("assess", record, "--json", *more, seconds=300)
    assert ran.code == 0, ran
    return [json.loads(line) for line in ran.out.splitlines()]
