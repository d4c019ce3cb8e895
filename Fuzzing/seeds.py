"""Writes inputs for libFuzzer to begin with: seeds.py OBJECTS_PY DIRECTORY"""

import base64
import json
import pathlib
import subprocess
import sys

script, directory = sys.argv[1], pathlib.Path(sys.argv[2])
made = json.loads(subprocess.check_output([sys.executable, script, "1", "2"]))
kinds = ["Service", "EndpointSlice", "Node", "ServiceCIDR"]
for resource, kind in enumerate(kinds):
    for decoder, form in enumerate(["status", "watch", "list"]):
        for media, name in enumerate(["protobuf", "json"]):
            head = bytes([resource | media << 2 | decoder << 3, 50])
            path = directory / f"{kind}-{form}-{name}"
            path.write_bytes(head + base64.b64decode(made[kind][form][name]))
