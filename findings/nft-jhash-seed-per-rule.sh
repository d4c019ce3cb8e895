#!/usr/bin/env bash
# `jhash` without `seed` has a random one for each rule, and `nft list` does not show it: rules of the same text
# decide differently, and a ruleset listed and loaded again sends clients elsewhere.
#
# Seen with nft 1.0.6 of Debian 12 and 1.1.3 of Debian 13, Linux 6.18. 32 clients, a rule `jhash ip saddr mod 1000`:
#   the same rule twice in a chain           different values for nearly all clients
#   `nft list ruleset` loaded again          the same text, different values for nearly all clients
#   both with `seed 0x1`                     equal values
# The seed is drawn in the kernel when the message has none, and a listing has it only if the user gave it. A balancer
# written so (`dnat to jhash ip saddr mod 3 map …`, as wikis have it) works until a reload: then every client with
# affinity has another server, and two nodes behind one address never agree. Always give a seed, and the same one in
# all rules and on all nodes that are to agree.
#
# Needs root, unshare, nftables and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

echo "here: $(nft --version), Linux $(uname -r)"
ip link set lo up
python3 - <<'PYTHON'
import re, socket, subprocess, sys

CLIENTS = [f"127.0.1.{number}" for number in range(32)]


def nft(*words, text=""):
    return subprocess.run(["nft", *words], input=text.encode(), check=True, capture_output=True).stdout.decode()


def ruleset(seed):
    rule = f"udp dport 9 meta mark set jhash ip saddr mod 1000 {seed}"
    sets = "".join(f"set {name} {{ type ipv4_addr . mark; size 999; flags dynamic; }}\n" for name in ("one", "two"))
    return f"""
        table ip t {{
            {sets}
            chain out {{
                type filter hook output priority 0
                {rule} add @one {{ ip saddr . meta mark }}
                {rule} add @two {{ ip saddr . meta mark }}
            }}
        }}
    """


def values():
    """Of each of the two rules: the value for each client."""
    for name in ("one", "two"):
        nft("flush", "set", "ip", "t", name)
    for client in CLIENTS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind((client, 0))
            datagrams.sendto(b"", ("127.0.0.1", 9))
    result = []
    for name in ("one", "two"):
        listing = nft("list", "set", "ip", "t", name)
        result.append(dict(re.findall(r"([0-9.]+) \. (0x[0-9a-f]+)", listing)))
        if len(result[-1]) != len(CLIENTS):
            sys.exit(f"changed: {len(result[-1])} clients seen")
    return result


def differing(left, right):
    return sum(left[client] != right[client] for client in CLIENTS)


for seed, differs in (("", True), ("seed 0x1", False)):
    nft("flush", "ruleset")
    nft("-f", "-", text=ruleset(seed))
    first, second = values()
    listing = nft("list", "ruleset")
    if ("seed" in listing) != (seed != ""):
        sys.exit("changed: what the listing says of the seed")
    nft("-f", "-", text="flush ruleset\n" + listing)
    reloaded, _ = values()
    counts = differing(first, second), differing(first, reloaded)
    print(f"{seed or 'no seed'}: two rules differ for {counts[0]} of {len(CLIENTS)} clients, "
          f"before and after a reload for {counts[1]}")
    for count in counts:
        if (count > len(CLIENTS) // 2) != differs or (not differs and count):
            sys.exit("changed")
PYTHON
echo "still so: without a seed each rule has its own, and listings leave it out"
