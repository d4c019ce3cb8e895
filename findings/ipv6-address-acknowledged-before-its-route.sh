#!/usr/bin/env bash
# The kernel acknowledges a new IPv6 address before packets to it are its own: until a worker has made the local route, they
# leave by the default route.
#
# Seen with Linux 6.18 on a busy machine with two processors, addresses of /128 on a veth, with IFA_F_NODAD, which spares
# them the duplicate address detection that would explain a wait:
#   IPv4: 0 of 200 addresses without a local route when RTM_NEWADDR was acknowledged
#   IPv6: 152 of 200, at most 14.6 ms late
# and with Linux 6.1 in User-mode Linux, on a dummy link. Without a default route connect() fails with ENETUNREACH meanwhile.
# With one, the packets go to a neighbour or nobody: a client of a router that has just bound a virtual address hears "No
# route to host" 3 s later, after three solicitations. `inet6_addr_add` queues `addrconf_dad_work`, and with it the route,
# also where there is nothing to detect.
# So a proxy or a failover daemon that binds an address and then moves traffic to it (removes other rules, tells a
# peer, opens a socket that connects to it) has to ask for the route (RTM_GETROUTE, or `ip -6 route get`) until it is
# RTN_LOCAL; the acknowledgement is not enough.
#
# Needs root, unshare, ip and python3. Works in its own network namespace; nothing is sent but router solicitations
# between two ends of a veth.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

echo "here: $(ip -V), Linux $(uname -r)"
ip link set lo up
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
# Until the link-local addresses are there: no worker is busy with them then.
for _ in $(seq 100); do
    [ -n "$(ip -6 address show tentative)" ] || break
    sleep 0.1
done
ip -6 route add default dev v1
python3 - <<'PYTHON'
import socket, struct, sys, time

RTM_NEWADDR, RTM_NEWROUTE, RTM_GETROUTE, NLMSG_ERROR = 20, 24, 26, 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 1, 4, 0x200, 0x400
IFA_F_NODAD, RTN_LOCAL = 2, 2

netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
netlink.bind((0, 0))
link = socket.if_nametoindex("v0")


def attribute(kind, value):
    return struct.pack("HH", 4 + len(value), kind) + value


def request(kind, flags, body):
    netlink.send(struct.pack("IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 1, 0) + body)
    return netlink.recv(65536)


def bind(family, address):
    flags = IFA_F_NODAD if family == socket.AF_INET6 else 0
    body = struct.pack("BBBBI", family, 8 * len(address), flags, 0, link)
    body += attribute(1, address) + attribute(2, address)
    answer = request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)
    kind, error = struct.unpack_from("H", answer, 4)[0], struct.unpack_from("i", answer, 16)[0]
    if kind != NLMSG_ERROR or error != 0:
        sys.exit(f"RTM_NEWADDR: error {error}")


def is_local(family, address):
    body = struct.pack("8BI", family, 8 * len(address), 0, 0, 0, 0, 0, 0, 0) + attribute(1, address)
    answer = request(RTM_GETROUTE, 0, body)
    return struct.unpack_from("H", answer, 4)[0] == RTM_NEWROUTE and answer[16 + 7] == RTN_LOCAL


def late(family, form):
    count, worst = 0, 0
    for number in range(1, 201):
        address = socket.inet_pton(family, form.format(number))
        bind(family, address)
        began = time.monotonic()
        if is_local(family, address):
            continue
        count += 1
        while not is_local(family, address):
            if time.monotonic() > began + 10:
                sys.exit(f"no local route after 10 s: {form.format(number)}")
        worst = max(worst, time.monotonic() - began)
    return count, worst


v4, _ = late(socket.AF_INET, "192.0.2.{}")
v6, worst = late(socket.AF_INET6, "2001:db8::{:x}")
print(f"IPv4: {v4} of 200 addresses without a local route when RTM_NEWADDR was acknowledged")
print(f"IPv6: {v6} of 200, at most {1000 * worst:.1f} ms late")
if v4 or not v6:
    sys.exit("changed: IPv4 addresses have their routes at once, IPv6 ones have not")
PYTHON
