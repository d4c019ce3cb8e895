#!/usr/bin/env bash
# DNAT to a range of addresses balances clients, not connections: a client's connections to one address all go to the
# same target, with `persistent` and without it.
#
# Seen with iptables 1.8.9 (legacy) and nft 1.0.6 of Debian 12, 1.8.11 and 1.1.3 of Debian 13, Linux 6.18. 5 clients
# make 40 connections each to two addresses, translated to 127.1.0.1-127.1.0.4:
#   no flag       one target for each client and address; for most clients another one at the other address
#   persistent    one target for each client, the same at both addresses
# The manual says of `--persistent` that it gives a client the same address for each connection, so that one would
# guess that without it each connection gets another. In fact the kernel takes a hash of the client's address and of the
# address it called, and `persistent` leaves out the latter. Behind a gateway, or from one busy client, a single target
# gets everything. To balance connections take `statistic`, or `numgen` with a map.
#
# Needs root, unshare, iptables-legacy, nftables and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

echo "here: $(nft --version), $(iptables-legacy --version), Linux $(uname -r)"
ip link set lo up
XTABLES_LOCKFILE=$(mktemp)
export XTABLES_LOCKFILE
trap 'rm -f "$XTABLES_LOCKFILE"' EXIT
python3 - <<'PYTHON'
import socket, subprocess, sys

SERVICES = ["127.9.0.1", "127.9.0.2"]
CLIENTS = [f"127.0.0.{number}" for number in range(1, 6)]


def run(*words, text=""):
    subprocess.run(words, input=text.encode(), check=True)


def nft(flag):
    run("nft", "-f", "-", text=f"""
        add table ip t
        delete table ip t
        table ip t {{
            chain out {{
                type nat hook output priority -100
                ip daddr 127.9.0.0/24 dnat to 127.1.0.1-127.1.0.4 {flag}
            }}
        }}
    """)


def legacy(flag):
    run("nft", "flush", "ruleset")
    run("iptables-legacy", "-t", "nat", "-F")
    rule = "-A OUTPUT -d 127.9.0.0/24 -j DNAT --to-destination 127.1.0.1-127.1.0.4".split()
    run("iptables-legacy", "-t", "nat", *rule, *(["--persistent"] if flag else []))


def targets(server, client, service):
    """Which targets 40 connections of a client reach."""
    seen = set()
    for _ in range(40):
        with socket.socket() as connection:
            connection.bind((client, 0))
            connection.connect((service, server.getsockname()[1]))
            accepted = server.accept()[0]
            seen.add(accepted.getsockname()[0])
            accepted.close()
    return seen


server = socket.create_server(("0.0.0.0", 0))
for name, program in (("nft", nft), ("iptables-legacy", legacy)):
    for flag in ("", "persistent"):
        program(flag)
        seen = {(c, s): targets(server, c, s) for c in CLIENTS for s in SERVICES}
        most = max(len(each) for each in seen.values())
        same = sum(seen[c, SERVICES[0]] == seen[c, SERVICES[1]] for c in CLIENTS)
        print(f"{name}, {flag or 'no flag'}: at most {most} target of a client at an address; "
              f"the same at both addresses for {same} of {len(CLIENTS)} clients")
        if most != 1:
            sys.exit("changed: connections of one client to one address reach several targets")
        if (same == len(CLIENTS)) != (flag == "persistent"):
            sys.exit("changed: what persistent means")
PYTHON
echo "still so: a client's connections to one address share a target, whatever the flag"
