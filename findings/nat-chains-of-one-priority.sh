#!/usr/bin/env bash
# If two nftables nat chains have the same hook and priority, the one registered *last* translates a
# connection, and the other one never sees it.
#
# Seen with nft 1.0.6 of Debian 12, Linux 6.18: tables a and b, each with
#   chain out { type nat hook output priority -100; tcp dport 80 counter dnat to … }
# Made in the order a, b, a connection goes where b says, and a counts nothing; in the order b, a, the
# other way round. So which of two programs gets a port depends on which was restarted last, and the
# ruleset does not show it.
#
# Needs root, nftables and Python 3. Works in its own network namespace.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

# Makes both tables in the given order, connects to port 80, and prints which table translated.
winner() {
    local table
    nft flush ruleset
    for table in "$@"; do
        local port=8001
        [ "$table" = a ] || port=8002
        nft "add table ip $table
            add chain ip $table out { type nat hook output priority -100; }
            add rule ip $table out tcp dport 80 counter dnat to 127.0.0.1:$port"
    done
    python3 - <<'PYTHON'
import select, socket
listeners = {}
for name, port in (("a", 8001), ("b", 8002)):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    listeners[listener] = name
client = socket.create_connection(("127.0.0.1", 80), timeout=5)
ready, _, _ = select.select(list(listeners), [], [], 5)
print(*[listeners[each] for each in ready])
PYTHON
}

ip link set lo up
echo "here: $(nft --version), Linux $(uname -r)"
first=$(winner a b)
counters=$(nft list ruleset | grep -o 'packets [0-9]*' | tr '\n' ' ')
second=$(winner b a)
echo "made a, b: $first translates (counters of a, b: $counters); made b, a: $second translates"
[ "$first" = b ] || fail "after a, b it is '$first'"
[ "$counters" = "packets 0 packets 1 " ] || fail "the counters are $counters"
[ "$second" = a ] || fail "after b, a it is '$second'"
echo "still so: the nat chain registered last translates"
