#!/usr/bin/env bash
# A connected UDP socket that is ended from outside (`ss --kill`, SOCK_DESTROY) goes on working, from another port.
#
# Seen with iproute2 6.1.0 of Debian 12, Linux 6.18, on a socket that was connected and never bound:
#   recv()          ECONNABORTED, once
#   recv()          waits again: EAGAIN on a socket that does not block
#   getsockname()   0.0.0.0 and port 0: its port is free for others
#   send()          EDESTADDRREQ: the socket has no peer any more
#   sendto()        works, and the server sees another client port
# `udp_abort` in the kernel disconnects and leaves the socket open, where `tcp_abort` ends the connection for good. So a
# load balancer that ends the sockets of an endpoint that is gone, as Cilium's agent does, moves programs that
# connect again after an error. One that ignores the error, or that only ever calls send() and counts failures as lost
# datagrams, as clients for metrics and logs often do, never reaches anybody again; and one that uses sendto() on the
# same socket becomes a new client to session affinity and to connection tracking.
#
# Needs root, unshare, ss and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

echo "here: $(ss -V), Linux $(uname -r)"
ip link set lo up
python3 - <<'PYTHON'
import errno, socket, subprocess, sys


def fail(text):
    sys.exit(f"changed: {text}")


def outcome(call, *words):
    try:
        return call(*words)
    except OSError as error:
        return errno.errorcode[error.errno]


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 5353))
server.settimeout(5)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 5353))
client.setblocking(False)
client.send(b"before")
before = server.recvfrom(100)[1]
subprocess.run(["ss", "--kill", "--udp", "dst", "127.0.0.1:5353"], check=True, stdout=subprocess.DEVNULL)

seen = {
    "recv": outcome(client.recv, 100),
    "recv again": outcome(client.recv, 100),
    "getsockname": client.getsockname(),
    "send": outcome(client.send, b"lost"),
    "sendto": outcome(client.sendto, b"after", ("127.0.0.1", 5353)),
}
data, after = server.recvfrom(100)
for call, answer in seen.items():
    print(f"{call}: {answer}")
print(f"the server saw port {before[1]} before, and {after[1]} for {data.decode()!r}")
wanted = {
    "recv": "ECONNABORTED",
    "recv again": "EAGAIN",
    "send": "EDESTADDRREQ",
    "getsockname": ("0.0.0.0", 0),
    "sendto": 5,
}
for call, answer in wanted.items():
    if seen[call] != answer:
        fail(f"{call} gave {seen[call]} and not {answer}")
if data != b"after" or after[1] == before[1]:
    fail("the socket kept its port")
PYTHON
echo "still so: an ended UDP socket lives on without peer and port"
