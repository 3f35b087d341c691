"""Prints every alert of every gateway, and proves from seq that none was lost: python subscriber.py 127.0.0.1 1883"""

import json
import sys
from typing import Any

import paho.mqtt.client as mqtt

last: dict[str, int] = {}
missing: dict[str, set[int]] = {}  # they may still come: live alerts overtake what an outage stored


def on_message(client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
    if not message.payload:  # clears what was retained
        return
    alert = json.loads(message.payload)
    seq, gateway = alert["seq"], alert["gateway"]
    top, gaps = last.get(gateway, 0), missing.setdefault(gateway, set())
    if seq > top or seq in gaps:  # not delivered again
        what = f"{alert['device']} {alert['phase']} {alert['condition']['display']}"
        print(f"{'earlier: ' * alert['historical']}{what} ({alert['priority']}, {gateway} {seq})", flush=True)
    if not message.retain:
        gaps.update(range(top + 1, seq) if top else [])
        gaps.discard(seq)
        last[gateway] = max(top, seq)
    if gaps:
        print(f"{gateway}: {len(gaps)} alert messages are not here yet", file=sys.stderr)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="alert-board-py", clean_session=False)
client.on_connect = lambda client, *_: client.subscribe("ecg/+/device/+/alert/+", qos=1)
client.on_message = on_message
client.connect(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 1883)
client.loop_forever()
