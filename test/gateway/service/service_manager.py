"""Stands in for systemd: prints each datagram that comes to the socket as a line of JSON. "@name" is in the abstract namespace."""

import json
import socket
import sys

path = sys.argv[1]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(f"\0{path[1:]}" if path.startswith("@") else path)
print(json.dumps("listening"), flush=True)
while True:
    print(json.dumps(listener.recv(4096).decode()), flush=True)
