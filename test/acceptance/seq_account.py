"""Accounts for every `seq` of a gateway, as the specification invites subscribers to: knows nothing of the gateway but its messages."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from mqtt_contract import check_gateway_state, utc
from stage import leave, wait_for

Json = dict[str, Any]


class SeqAccount:
    """A subscriber with a session of its own, so that the broker keeps what comes while one of the two is away."""

    def __init__(self, port: int, gateway: str) -> None:
        self.gateway = gateway
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()
        self.session = 0  # of the last birth
        self.online = False
        self.live_since_birth = 0
        self.started = 0.0  # when the gateway of the last birth was
        self._birth_seen = 0.0
        self._outages: list[tuple[float, float]] = []
        self._bodies: dict[int, int] = {}
        self._given_up: set[int] = set()
        self._life: dict[str, tuple[int, str]] = {}  # by alert: its last new number, its state
        self._by_topic: dict[str, int] = {}
        self.open: dict[str, int] = {}  # by topic: number of the last word on an alert that is not over
        self._lock = threading.Lock()
        subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="seq-account", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = lambda _client, _data, m: self._take(m.topic, bytes(m.payload), m.retain)
        self._client.on_subscribe = lambda *_: subscribed.set()

        def connected(client: paho.Client, _data: object, flags: paho.ConnectFlags, *_: object) -> None:
            # Subscribing again would bring what is retained ahead of what the session has kept.
            if not flags.session_present:
                client.subscribe(f"ecg/{gateway}/#", qos=1)

        self._client.on_connect = connected
        self._client.connect("127.0.0.1", port, keepalive=30)
        self._client.loop_start()
        assert subscribed.wait(10), "the broker did not take the subscription"

    def broker_was_away(self, since: float, until: float) -> None:
        with self._lock:
            self._outages.append((since, until))

    def close(self) -> None:
        leave(self._client)

    def wait_for_birth(self, after: float, seconds: float = 300) -> None:
        """Of a gateway that was launched at this UNIX time, and an alert of its own."""
        wait_for(
            lambda: self.wrong or (self.online and self.started > after and self.live_since_birth > 0),
            seconds,
            "alert of the gateway that was launched last",
        )

    def wait_until_whole(self, seconds: float = 300) -> None:
        wait_for(lambda: self.wrong or not self._missing(), seconds, "whole account")

    def settle(self) -> list[str]:
        """What is wrong with all that came, once nothing more will."""
        missing = self._missing()
        return [*self.wrong, *([f"numbers that never came: {missing[:20]} ({len(missing)})"] if missing else [])]

    def report(self) -> str:
        with self._lock:
            counts = ", ".join(f"{count} {what}" for what, count in self.counts.items())
            return f"{max(self._bodies, default=0)} numbers, {counts}, {len(self._outages)} outages, {len(self.wrong)} wrong"

    def _missing(self) -> list[int]:
        with self._lock:
            accounted = self._bodies.keys() | self._given_up
            return sorted(set(range(1, max(accounted, default=0) + 1)) - accounted)

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        try:
            with self._lock:
                self._account(topic, payload, retained)
        except Exception as error:  # noqa: BLE001 – paho would print it and go on
            self.wrong.append(f"{topic}: {error!r} in {payload[:300]!r}")

    def _account(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == f"ecg/{self.gateway}/state":
            self._state(json.loads(payload))
        elif "/alert/" in topic and payload:
            self._alert(topic, json.loads(payload), retained)

    def _state(self, message: Json) -> None:
        check_gateway_state(message)
        self.online = message["state"] == "online"
        if message["session"] < self.session:
            self.counts["repeated states"] += 1  # by the broker, which had no acknowledgement
        elif self.online:
            self.session, self.started = message["session"], utc(message["started"])
            self._birth_seen = time.time()
            self.live_since_birth = 0
            self.counts["births"] += 1

    def _alert(self, topic: str, message: Json, retained: bool) -> None:
        seq, key = message["seq"], message["id"]
        body = hash((topic, key, message["phase"], message["state"], message["session"], message["time"]["changed"]))
        self.counts["deliveries"] += 1
        if seq in self._bodies:
            if self._bodies[seq] != body:
                self.wrong.append(f"number {seq} stands for two messages: {message}")
            return
        self._bodies[seq] = body
        for span in message["evidence"].get("lost", []):
            self._given_up.update(range(span["from"], span["to"] + 1))
        self._order(topic, seq, key, message)
        if not retained:
            self._historical(message)

    def _order(self, topic: str, seq: int, key: str, message: Json) -> None:
        before, state = self._life.get(key, (0, "none"))
        if seq < before or seq < self._by_topic.get(topic, 0):
            self.wrong.append(f"number {seq} came after a later one of {topic}")
        if (before == 0) != (message["phase"] == "start"):
            self.wrong.append(f"alert {key} begins without a start, or twice: {message}")
        if state == "inactive":
            self.wrong.append(f"alert {key} goes on after its end: {message}")
        self._life[key] = (seq, message["state"])
        self._by_topic[topic] = seq
        if message["state"] == "inactive":
            self.open.pop(topic, None)
        else:
            self.open[topic] = seq

    def _historical(self, message: Json) -> None:
        changed = utc(message["time"]["changed"])
        told = message["historical"]
        self.counts["historical" if told else "live"] += 1
        self.live_since_birth += not told
        stored = message["session"] < self.session or any(since < changed < until for since, until in self._outages)
        if stored and not told:
            self.wrong.append(f"stored while it could not be delivered, and not historical: {message}")
        if changed > self._birth_seen and told:
            self.wrong.append(f"said on this connection, and historical: {message}")
