#!/usr/bin/env bash
# Any change to a legacy iptables table makes `limit`, `quota` and `statistic --mode nth` start anew in all of its
# rules, while the counters of the same rules go on.
#
# Seen with iptables 1.8.9 of Debian 12 and 1.8.11 of Debian 13, Linux 6.18. Chain OUTPUT has four rules: limit (1 an
# hour), quota (100 bytes), nth (every 100th packet) and hashlimit (1 an hour). Each accepts the first datagram that it
# sees, and no more for now. The rules' counters, with legacy:
#   after 10 datagrams                               limit 1, quota 1, nth 1, hashlimit 1
#   after 10 more                                    limit 1, quota 1, nth 1, hashlimit 1
#   after a new rule in FORWARD, and 10 more         limit 2, quota 2, nth 2, hashlimit 1
# With iptables-nft the third line is like the second.
# A legacy table is always replaced as a whole: every rule is set up anew, and iptables then adds what the old ones had
# counted. Beside a program that writes a table often, a log limited to one line an hour has as many lines as there are
# changes, a used-up quota is full again, and a balancer made of `nth` rules favours its first server. `hashlimit`
# finds its state by name, also without --hashlimit-mode, and `statistic --mode random` has none.
#
# Needs root, unshare, iptables and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

send() {
    python3 -c '
import socket
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(10):
    try:
        client.sendto(bytes(72), ("127.0.0.1", 5353))
    except OSError:
        pass  # dropped, or answered by a port that nobody has
'
}

# Packets that each of the four rules has counted.
counted() { "$1" -t filter -nvxL OUTPUT | awk 'NR > 2 && NR < 7 { print $1 }' | xargs; }

ip link set lo up
echo "here: $(iptables-legacy --version), $(iptables-nft --version), Linux $(uname -r)"
for tool in iptables-nft iptables-legacy; do
    for match in "limit --limit 1/hour --limit-burst 1" "quota --quota 100" \
        "statistic --mode nth --every 100 --packet 0" \
        "hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-name $tool"; do
        # shellcheck disable=SC2086 # several words
        "$tool" -A OUTPUT -p udp --dport 5353 -m $match -j ACCEPT
    done
    "$tool" -A OUTPUT -p udp --dport 5353 -j DROP
    send
    first=$(counted "$tool")
    send
    second=$(counted "$tool")
    "$tool" -A FORWARD -s 192.0.2.1 -j ACCEPT
    send
    third=$(counted "$tool")
    echo "$tool: limit, quota, nth and hashlimit let pass $first of 10 datagrams, $second of 20, $third after a change"
    [ "$first" = "1 1 1 1" ] || fail "at first they let pass $first"
    [ "$second" = "1 1 1 1" ] || fail "without a change they let pass $second"
    wanted="1 1 1 1"
    [ "$tool" = iptables-nft ] || wanted="2 2 2 1"
    [ "$third" = "$wanted" ] || fail "with $tool they let pass $third after a change"
    "$tool" -F
done
echo "still so: a change to a legacy table makes its limits start anew"
