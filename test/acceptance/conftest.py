"""One world for the whole suite: gateways, devices and brokers all run at once, so many minutes of ECG cost one."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cbor2
import pytest

import ecg_link_emulator as link
import wfdb16
from stage import CLI, DEMO, Broker, Demo, Gateway, Message, Subscriber, wait_for

AF_IN_PTBXL = (17, 152, 307, 330, 337)  # PTB-XL records labelled AFIB
LONG = os.environ.get("ACCEPTANCE_LONG") == "1"
NOISE_SECONDS = 60.0 if LONG else 15.0
MEASURED: dict[str, list[float]] = {}  # what the tests measured on the way, shown at the end
YEAR_S = 365 * 86400.0


@dataclass
class Site:
    """One gateway with its devices, and a subscriber that was there from the start."""

    broker: Broker
    subscriber: Subscriber | None
    gateway: Gateway
    devices: dict[str, link.Device]
    hop: int

    def topic(self, device: str, leaf: str) -> str:
        return f"ecg/{self.gateway.id}/device/{device}/{leaf}"

    def of(self, topic: str) -> list[Message]:
        assert self.subscriber is not None, "nobody has listened here from the start"
        return self.subscriber.of(topic)


@dataclass(frozen=True)
class BrokerLife:
    """What a late broker went through, and who listened from its first moment."""

    subscriber: Subscriber
    back: float  # UNIX time at which it came back from a short absence


def live_late(site: Site) -> BrokerLife:
    """Comes once the gateway has had an atrial fibrillation to tell of, and goes away again for 2 s."""
    started = wait_for(lambda: site.devices["late"].streaming_since, 30, "START without a broker")
    time.sleep(max(0.0, started + 22 - time.monotonic()))
    site.broker.start()
    subscriber = Subscriber(site.broker)
    wait_for(lambda: subscriber.of("ecg/late/state"), 40, "birth once the broker is there")
    wait_for(lambda: subscriber.of(site.topic("late", "alert/")), 20, "alert once the broker is there")
    time.sleep(3)
    site.broker.stop()
    time.sleep(2)
    back = time.time()
    site.broker.start()
    return BrokerLife(subscriber, back)


def memory_under_noise(site: Site) -> list[float]:
    """The gateway's resident megabytes, each half second, from the first noisy byte to the first sensible answer."""
    device = site.devices["noise"]
    wait_for(device.carrier.host_present, 30, "open port")
    deadline = time.monotonic() + NOISE_SECONDS + 60
    sizes = []
    while not device.heard_of(link.START) and time.monotonic() < deadline:
        sizes.append(site.gateway.rss_mb())
        time.sleep(0.5)
    return sizes


@dataclass
class World:
    steady: Site  # every 5 s, as shipped: clean and lossy devices over PTY and TCP
    eventful: Site  # every second: rhythm changes, electrodes, reboots, cables
    hostile: Site  # malformed packets beside a healthy device
    noise: Site  # random bytes
    noise_memory: Future[list[float]]
    late: Site  # the broker comes after the gateway
    broker_life: Future[BrokerLife]
    battered: Site | None  # only when there is time: many ways of losing two frames in five
    demo: Demo
    recordings: dict[str, Path]  # what was played, as WFDB records
    mosquitto_sub: Path  # what `mosquitto_sub -v` printed of the steady site


def demo(*spans: tuple[float, float]) -> wfdb16.Recording:
    """Pieces of the project's simulated recording, back to back."""
    whole = wfdb16.read(DEMO)
    return wfdb16.joined([whole.cut(start, end) for start, end in spans])


SINUS, AF = (95.0, 115.0), (25.0, 45.0)  # seconds of the recording


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, values in MEASURED.items():
        ordered = sorted(values)
        middle, worst = ordered[len(ordered) // 2], ordered[-1]
        terminalreporter.write_line(f"{name}: median {middle:.1f}, worst {worst:.1f} of {len(ordered)}")


@pytest.fixture(scope="session")
def built() -> None:
    if not Path(CLI[1]).exists() or not DEMO.exists():
        pytest.skip("the gateway is not built (npx tsc -p .)")
    if shutil.which("mosquitto") is None or shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto and mosquitto-clients are not installed")


@pytest.fixture(scope="session")
def ptbxl() -> Path:
    folder = os.environ.get("ECGCLIP_DATA")
    if not folder:
        pytest.skip("ECGCLIP_DATA does not name a folder of PTB-XL records")
    return Path(folder)


def find_ptbxl(number: int, suffix: str) -> Path | None:
    folder = os.environ.get("ECGCLIP_DATA")
    return next(iter(sorted(Path(folder).rglob(f"{number:05d}_{suffix}.hea"))), None) if folder else None


def malformed(device: link.Device) -> None:
    """After each block one packet whose CRC is right and whose content is not: to be counted, and nothing else."""
    boot = device.boot
    head = struct.pack("<QBBHBB", boot.sent_to, 5, 8, 0, 0, 3)
    packets: list[tuple[int, bytes]] = [
        (link.SAMPLES, b""),
        (link.SAMPLES, head[:13]),
        (link.SAMPLES, head),
        (link.SAMPLES, head + bytes(119)),
        (link.SAMPLES, head + bytes(121)),
        (link.SAMPLES, struct.pack("<QBBHBB", boot.sent_to, 0, 8, 0, 0, 3)),
        (link.SAMPLES, struct.pack("<QBBHBB", boot.sent_to, 5, 9, 0, 0, 3) + bytes(135)),
        (link.SAMPLES, struct.pack("<QBBHBB", boot.sent_to, 5, 8, 0, 0, 5) + bytes(200)),
        (link.HELLO, b"\xff\xff"),
        (link.HELLO, cbor2.dumps([1, 2])),
        (link.ACK, b""),
        (link.ACK, bytes([0x77, 9])),
        (link.LOST, b"123"),
        (link.TIME_RSP, bytes(7)),
        (link.STATUS, b"\xa1"),
        (link.STATUS, cbor2.dumps({"battery": "full", "uptime_ms": -1})),
        (link.EVENT, b""),
        (0x7F, b"from the future"),
    ]
    device.send(*packets[boot.sent_to // device.options.block % len(packets)])


def leaps(device: link.Device) -> None:
    """Claims, now and then, a gap of 2^60 samples: no memory and no time may be spent on it."""
    if device.boot.sent_to // device.options.block % 100 == 50:
        head = struct.pack("<QBBHBB", (1 << 60) + device.boot.sent_to, 1, 8, 0, 0, 2)
        device.send(link.SAMPLES, head + bytes(16))
        device.send(link.LOST, struct.pack("<QI", 1 << 62, 0xFFFFFFFF))


def nonsense(source: random.Random) -> bytes:
    """About 1,000 packets a second."""
    return b"".join(nonsensical_packet(source) for _ in range(10))


def nonsensical_packet(source: random.Random) -> bytes:
    """Whole, with a right CRC; its content makes little sense, or only just makes some."""
    draw = source.randrange
    kind = source.choice(
        [link.HELLO, link.ACK, link.SAMPLES, link.LOST, link.TIME_RSP, link.STATUS, link.EVENT, draw(256)]
    )
    payload = source.randbytes(draw(64))
    if kind == link.HELLO:
        hello: dict[str, object] = {
            "id": "nonsense",
            "model": "m",
            "fw": "1",
            "boot": draw(3),
            "rate_mhz": source.choice([500_000, 100_000, 1, 0xFFFFFFFF]),
            "lsb_pv": source.choice([1_000_000, 0, 0xFFFFFFFF]),
            "leads": list(wfdb16.LEADS8)[: draw(9)],
            "retain": draw(1 << 32),
            "caps": source.sample(["resend", "time", "smp", "pacer", ""], draw(6)),
        }
        hello[source.choice([*hello, "x"])] = source.choice([None, -1, 1.5, "", [], {}, b"", 1 << 70, "I", ["I", "I"]])
        payload = cbor2.dumps(hello)
    elif kind == link.SAMPLES:
        first = source.choice([draw(1 << 12), draw(1 << 40), draw(1 << 64)])
        head = struct.pack("<QBBHBB", first, draw(1, 31), 8, draw(1 << 16), draw(4), source.choice([2, 3]))
        payload = head + source.randbytes(head[8] * 8 * head[13])
    elif kind == link.LOST:
        payload = struct.pack("<QI", draw(1 << 64), draw(1 << 32))
    elif kind == link.TIME_RSP:
        payload = struct.pack("<QQQ", time.monotonic_ns() // 1000, draw(1 << 64), draw(1 << 64))
    elif kind == link.STATUS:
        payload = cbor2.dumps({"battery": source.choice([50, -1, "x", None, 1e300, float("nan")]), "dropped": 1 << 63})
    return link.frame(link.Packet(kind, draw(1 << 16), draw(1 << 64), payload))


def noise(source: random.Random) -> bytes:
    """About 4 MB/s, by turns of 2 s: any bytes, and bytes without a single delimiter."""
    return source.randbytes(40_000) if int(time.monotonic() / 2) % 2 else b"\x55" * 40_000


@pytest.fixture(scope="session")
def world(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    switch = sys.getswitchinterval()
    sys.setswitchinterval(0.001)  # many devices share this process: none may hold another up for long
    folder = tmp_path_factory.mktemp("acceptance")
    recordings: dict[str, Path] = {}
    sites: list[Site] = []
    devices: list[link.Device] = []

    def keep(name: str, recording: wfdb16.Recording) -> wfdb16.Recording:
        recordings[name] = wfdb16.write(folder / name, recording)
        return recording

    def device(recording: wfdb16.Recording, options: link.Options, carrier: str = "pty") -> link.Device:
        if carrier == "tcp":
            end: link.PtyCarrier | link.TcpCarrier = link.TcpCarrier()
        else:
            end = link.PtyCarrier(folder / f"tty-{options.id}" if carrier == "linked" else None)
        devices.append(link.Device(recording, options, end))
        return devices[-1].start()

    def site(name: str, hop: int, members: list[link.Device], broker: Broker, listening: bool = True) -> Site:
        subscriber = Subscriber(broker) if listening else None
        gateway = Gateway(folder / name, name, broker.url, [m.uri for m in members], "--hop", str(hop))
        sites.append(Site(broker, subscriber, gateway, {m.options.id: m for m in members}, hop))
        return sites[-1]

    lossy = link.Damage(drop=0.02, duplicate=0.03, reorder=0.03, corrupt=0.03, seed=11)
    heavy = link.Damage(drop=0.2, duplicate=0.05, reorder=0.05, corrupt=0.05, seed=12)
    # Fibrillates once: a device begins its record again at the end, and this one's end no test waits for.
    rhythm = keep("rhythm", demo(SINUS, AF, AF, *[SINUS] * 27))
    in_af = keep("in-af", demo(AF))
    sinus = keep("sinus", demo(SINUS))
    steady_500 = keep("steady-500", demo((95.0, 105.0), AF, AF))
    steady_100 = keep("steady-100", steady_500.decimated(100))
    backwards = tuple(reversed(wfdb16.LEADS8))  # the order of channels is the device's own
    time_only, with_resend = ("time",), ("time", "resend")
    broker = Broker(folder)
    world: World | None = None
    side = ThreadPoolExecutor(2)
    demonstration = Demo()
    watcher_out = folder / "mosquitto_sub.txt"
    with watcher_out.open("wb") as out:
        watcher = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-q", "1", "-v", "-t", "ecg/amb-12/#"],
            stdout=out,
        )
    try:
        steady_devices = [
            device(steady_500, link.Options("clean-500", lsb_pv=47_684, already_running_s=YEAR_S / 3)),
            device(
                steady_100,
                link.Options("clean-100", block=5, value_bytes=2, leads=backwards, already_running_s=YEAR_S),
                "tcp",
            ),
            device(steady_500, link.Options("lossy-500", block=10, damage=lossy)),
            device(steady_100, link.Options("lossy-100", block=3, value_bytes=2, damage=heavy)),
        ]
        for suffix in ("hr", "lr"):
            found = [path for path in (find_ptbxl(n, suffix) for n in AF_IN_PTBXL) if path is not None]
            if found:
                played = keep(f"ptbxl-{suffix}", wfdb16.joined([wfdb16.read(path) for path in found]))
                steady_devices.append(device(played, link.Options(f"ptbxl-{suffix}", block=10, value_bytes=2)))
        noisy = site("noise", 5, [device(sinus, link.Options("noise", raw=noise, raw_for_s=NOISE_SECONDS))], broker)
        late = site("late", 1, [device(in_af, link.Options("late"))], Broker(folder, start=False), listening=False)
        world = World(
            steady=site("amb-12", 5, steady_devices, broker),
            eventful=site(
                "eventful",
                1,
                [
                    device(rhythm, link.Options("rhythm", block=41)),
                    device(
                        sinus,
                        link.Options(
                            "electrodes", electrodes=((12, 24, link.RA), (30, 42, link.V3), (46, 54, link.RL))
                        ),
                    ),
                    device(sinus, link.Options("reboot", reboots=(14.0,))),
                    device(sinus, link.Options("unplug", unplugs=((14.0, 4.0),)), "linked"),
                    device(sinus, link.Options("silent", silences=((14.0, 22.0),))),
                    device(sinus, link.Options("drift", drift_ppm=200, already_running_s=86400)),
                    device(sinus, link.Options("no-time", caps=())),
                    device(sinus, link.Options("deaf", deaf_until=(3, 2))),
                    device(
                        sinus,
                        link.Options(
                            "resend", block=10, caps=with_resend, retain=5000, damage=link.Damage(drop=0.1, seed=3)
                        ),
                    ),
                ],
                broker,
            ),
            hostile=site(
                "hostile",
                1,
                [
                    device(sinus, link.Options("healthy")),
                    device(sinus, link.Options("malformed", caps=time_only, extra=malformed)),
                    device(sinus, link.Options("leaping", extra=leaps)),
                    device(sinus, link.Options("../+/#/\N{SNOWMAN}")),
                    device(sinus, link.Options("same")),
                    device(sinus, link.Options("same", already_running_s=9)),
                    device(sinus, link.Options("version-2", version=2)),
                    device(sinus, link.Options("nonsense", raw=nonsense, raw_for_s=NOISE_SECONDS)),
                    device(sinus, link.Options("mad-clock", mad_clock=True)),
                    device(sinus, link.Options("fast", extra_hello={"rate_mhz": 0xFFFFFFFF})),
                    device(sinus, link.Options("zero-rate", extra_hello={"rate_mhz": 0})),
                    device(sinus, link.Options("no-leads", extra_hello={"leads": []})),
                ],
                broker,
            ),
            noise=noisy,
            noise_memory=side.submit(memory_under_noise, noisy),
            late=late,
            broker_life=side.submit(live_late, late),
            battered=site(
                "battered",
                1,
                [
                    device(
                        sinus if block > 5 else sinus.decimated(100),
                        link.Options(f"battered-{block}", block=block, damage=link.Damage(0.2, 0.1, 0.1, 0.1, block)),
                    )
                    for block in (1, 3, 5, 8, 10, 13, 20, 41)
                ],
                broker,
            )
            if LONG
            else None,
            demo=demonstration,
            recordings=recordings,
            mosquitto_sub=watcher_out,
        )
        yield world
    finally:
        side.shutdown()
        for member in devices:
            member.stop()
        for each in sites:
            each.gateway.clean_up()
            if each.subscriber is not None:
                each.subscriber.close()
            each.broker.stop()
        if world is not None and world.broker_life.exception() is None:
            world.broker_life.result().subscriber.close()
        demonstration.clean_up()
        watcher.terminate()
        watcher.wait(5)
        broker.stop()
        sys.setswitchinterval(switch)


@pytest.fixture(scope="session")
def late_broker(world: World) -> BrokerLife:
    return world.broker_life.result(timeout=120)
