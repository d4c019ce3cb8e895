#!/usr/bin/env bash
# Whether an open connection survives when its DNAT rule is removed depends on unrelated rules, and so does whether a
# new DNAT rule leaves open connections alone.
#
# Seen with nft 1.0.6 of Debian 12 and 1.1.3 of Debian 13, Linux 6.18. A rule in table `a` translates connections from
# port 80 to 8080. One is open, and the table is deleted. What is left in other tables, and what becomes of the
# connection:
#   nothing                                        reset
#   a rule with `ct state`                         reset
#   a nat chain without rules, at another hook     reset
#   both                                           goes on
# And one to a server on port 80 is open before the rule comes. What there is in other tables before:
#   nothing                                        the rule counts its next packet and sends it to 8080: reset
#   a rule with `ct state`                         goes on
# A network namespace tracks connections only while it has a rule that needs that, and translates packets only while it
# has a nat chain. The last of these to go ends it for connections that are open, and when the first one comes,
# those look new. On a host with a firewall and Docker both are always there, and the same change is harmless; in
# a pod, or a lab, it is not. `iptables -t nat -F` does the same, legacy and nft. A program that must not disturb open
# connections keeps a nat chain and a rule like `ct state new accept` from long before its first translation until
# after its last.
#
# Needs root, unshare, nftables and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

echo "here: $(nft --version), Linux $(uname -r)"
ip link set lo up
python3 - <<'PYTHON'
import select, socket, subprocess, sys, time

CHAIN = """
add table ip {0}
add chain ip {0} one {{ type {1}; }}
"""
NAT = CHAIN.format("a", "nat hook output priority -100")
NAT += "add rule ip a one tcp dport 80 counter dnat to 127.0.0.1:8080"
TRACK = CHAIN.format("b", "filter hook output priority 0") + "add rule ip b one ct state new accept"
EMPTY = CHAIN.format("c", "nat hook postrouting priority 100")


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True)
    time.sleep(0.3)  # the kernel takes removed rules apart a little later


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def connect(listener):
    client = socket.create_connection(("127.0.0.1", 80), timeout=5)
    return client, listener.accept()[0]


def outcome(client, server):
    client.sendall(b"x")
    ready, _, _ = select.select([client, server], [], [], 5)
    if server in ready and server.recv(9) == b"x":
        return "goes on"
    try:
        return f"got {client.recv(9)!r}" if client in ready else "silent"
    except ConnectionResetError:
        return "reset"


def expect(case, seen, wanted):
    print(f"{case}: {seen}")
    if seen != wanted:
        sys.exit(f"changed: {case}: {seen}, not {wanted}")


behind = listen(8080)
rest = {"nothing": "", "a ct rule": TRACK, "a nat chain": EMPTY, "a ct rule and a nat chain": TRACK + EMPTY}
for name, others in rest.items():
    nft("flush ruleset\n" + NAT + others)
    pair = connect(behind)
    expect("with the rule", outcome(*pair), "goes on")
    nft("delete table ip a")
    expect(f"rule removed, {name} left", outcome(*pair), "goes on" if TRACK + EMPTY == others else "reset")

before = listen(80)
for name in ["nothing", "a ct rule"]:
    nft("flush ruleset\n" + rest[name])
    pair = connect(before)
    nft(NAT)
    expect(f"rule added beside {name}", outcome(*pair), "reset" if name == "nothing" else "goes on")
    counted = "packets 1 " in subprocess.run(["nft", "list", "table", "ip", "a"], capture_output=True, text=True).stdout
    expect("the rule has counted a packet", counted, name == "nothing")
PYTHON
echo "still so: unrelated rules decide what becomes of open connections"
