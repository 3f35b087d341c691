"""What one would write instead of the gateway: pyserial, NumPy, ONNX Runtime and Paho, one thread per serial port.

    pip install pyserial numpy onnxruntime paho-mqtt
    python bench/peers/peer.py BUNDLE BROKER_PORT WARM_UP_SECONDS SECONDS PORT...

It decodes ECG Link, cuts a 10-s window every 5 s, resamples, runs the bundle's int8 network and publishes every probability with
QoS 1; no clock, no resending, no quality, no alerts, nothing on disk. Prints the figures of `EndToEnd` as JSON.
"""

import json
import os
import resource
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import onnxruntime as ort
import paho.mqtt.client as mqtt
import serial

RATE, WINDOW_S, HOP_S, CHANNELS = 500, 10, 5, 8  # of the virtual patients
LSB_MV = 0.001
HELLO_REQUEST, START, SAMPLES = 0x02, 0x03, 0x10
FIRST_VALUE = 14  # in the payload of SAMPLES


class Model:
    """The bundle's int8 variant, from millivolts at the device's rate to probabilities."""

    def __init__(self, bundle: Path) -> None:
        manifest = json.loads((bundle / "manifest.json").read_text())
        file = next(variant["file"] for variant in manifest["variants"] if variant["precision"] == "int8")
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(bundle / file, options, providers=["CPUExecutionProvider"])
        fir = next(fir for fir in manifest["input"]["resampling"] if fir["from"] == RATE)
        assert fir["up"] == 1, "the virtual patients' rate is a multiple of the network's"
        self.taps, self.down = np.array(fir["taps"]), fir["down"]
        self.tasks = [task["id"] for task in manifest["tasks"]]
        calibration = [task["calibration"] for task in manifest["tasks"]]
        self.slope = np.array([platt["a"] for platt in calibration])
        self.offset = np.array([platt["b"] for platt in calibration])

    def __call__(self, window: np.ndarray) -> dict[str, float]:
        """`window`: [samples, channels] counts of I, II, V1 … V6."""
        one, two, *chest = window.T * LSB_MV
        leads = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *chest])
        half = len(self.taps) // 2
        padded = np.pad(leads, ((0, 0), (half, half)), mode="edge")
        stretches = np.lib.stride_tricks.sliding_window_view(padded, len(self.taps), axis=1)[:, :: self.down]
        ecg = (stretches @ self.taps).astype(np.float32)[None]
        (logits,) = self.session.run(["logits"], {"ecg": ecg})
        probabilities = 1 / (1 + np.exp(-(self.slope * logits[0] + self.offset)))
        return dict(zip(self.tasks, probabilities.round(6).tolist(), strict=True))


class Publisher:
    """Publishes, and notes the time from a window's last byte to the broker's acknowledgement."""

    def __init__(self, port: int) -> None:
        self.sent: dict[int, float] = {}
        self.acknowledged: dict[int, float] = {}
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_publish = self.note
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(self, topic: str, message: dict[str, object], arrived: float) -> None:
        self.sent[self.client.publish(topic, json.dumps(message), qos=1).mid] = arrived

    def note(self, _client: object, _data: object, mid: int, *_: object) -> None:
        self.acknowledged[mid] = time.monotonic()

    def latencies(self, since: float) -> list[float]:
        """Of the windows that were complete later than this."""
        done = self.acknowledged.copy()
        return [done[mid] - arrived for mid, arrived in self.sent.copy().items() if arrived >= since and mid in done]


def listen(path: str, model: Model, publisher: Publisher) -> None:
    """One patient, for ever."""
    port = serial.Serial(path, 921600, timeout=1)
    size, hop = WINDOW_S * RATE, HOP_S * RATE
    ring, filled, window = np.zeros((size, CHANNELS), np.int32), 0, 0
    pending, asked = b"", 0.0
    while True:
        if filled == 0 and time.monotonic() - asked > 1:
            port.write(encode(HELLO_REQUEST) + encode(START))
            asked = time.monotonic()
        pending += port.read(max(1, port.in_waiting))
        arrived = time.monotonic()
        *frames, pending = pending.split(b"\0")
        for frame in frames:
            block = decode_samples(frame)
            if block is None:
                continue
            for sample in np.array_split(block, [hop - filled % hop]):
                ring = np.concatenate([ring[len(sample) :], sample])
                filled += len(sample)
                if len(sample) and filled >= size and filled % hop == 0:
                    message = {"device": path, "window": window, "tasks": model(ring)}
                    publisher.publish(f"ecg/peer/device/{Path(path).name}/assessment", message, arrived)
                    window += 1


def encode(kind: int) -> bytes:
    packet = bytes([1, kind]) + bytes(10)
    packet += zlib.crc32(packet).to_bytes(4, "little")
    blocks = packet.split(b"\0")  # COBS; every block is far shorter than 254
    return b"".join(bytes([len(block) + 1]) + block for block in blocks) + b"\0"


def decode_samples(frame: bytes) -> np.ndarray | None:
    """[samples, channels] of a SAMPLES frame; None for any other and for a bad one."""
    packet, at = bytearray(), 0
    while at < len(frame):
        code = frame[at]
        packet += frame[at + 1 : at + code]
        at += code
        if code < 0xFF and at < len(frame):
            packet.append(0)
    if len(packet) < 16 or packet[1] != SAMPLES or zlib.crc32(packet[:-4]) != int.from_bytes(packet[-4:], "little"):
        return None
    payload = packet[12:-4]
    count, channels, width = payload[8], payload[9], payload[13]
    values = np.frombuffer(payload, np.uint8, count * channels * width, FIRST_VALUE).reshape(count, channels, width)
    if width == 2:
        return values.view("<i2").reshape(count, channels).astype(np.int32)
    wide = np.zeros((count, channels, 4), np.uint8)
    wide[..., 1:] = values
    return wide.view("<i4").reshape(count, channels) >> 8


def main() -> None:
    bundle, broker, warm_up, seconds, *ports = sys.argv[1:]
    model, publisher = Model(Path(bundle)), Publisher(int(broker))
    for path in ports:
        threading.Thread(target=listen, args=(path, model, publisher), daemon=True).start()
    time.sleep(float(warm_up))
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    time.sleep(float(seconds))
    after, lasted = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    latencies = np.array(publisher.latencies(began)) * 1000
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    result = {
        "patients": len(ports),
        "windows": len(latencies),
        "medianMs": float(np.quantile(latencies, 0.5)),
        "p99Ms": float(np.quantile(latencies, 0.99, method="higher")),
        "cpuPercentPerPatient": 100 * spent / lasted / len(ports),
        "cpuMsPerWindow": 1000 * spent / len(latencies),
        "rssMiB": resident / 2**20,
    }
    print(json.dumps(result), flush=True)
    os._exit(0)  # not through the destructors: threads are still inside ONNX Runtime, which would abort


if __name__ == "__main__":
    main()
