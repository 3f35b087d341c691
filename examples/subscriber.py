"""Prints every alert of every gateway, and proves from seq that none was lost: python subscriber.py 127.0.0.1 1883"""

import json
import sys
from typing import Any

import paho.mqtt.client as mqtt

last: dict[str, int] = {}


def on_message(client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
    if not message.payload:  # clears what was retained
        return
    alert = json.loads(message.payload)
    seq, gateway, seen = alert["seq"], alert["gateway"], last.get(alert["gateway"])
    if not message.retain:
        if seen is not None and seq > seen + 1:
            print(f"{gateway}: {seq - seen - 1} alert messages missing", file=sys.stderr)
        last[gateway] = max(seq, seen or 0)
    if seen is None or seq > seen:  # not delivered again
        earlier = "earlier: " if alert["historical"] else ""
        name, priority = alert["condition"]["display"], alert["priority"]
        print(f"{earlier}{alert['device']} {alert['phase']} {name} ({priority}, {gateway} {seq})", flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="alert-board-py", clean_session=False)
client.on_connect = lambda client, *_: client.subscribe("ecg/+/device/+/alert/+", qos=1)
client.on_message = on_message
client.connect(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 1883)
client.loop_forever()
