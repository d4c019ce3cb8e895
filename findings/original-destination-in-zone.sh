#!/usr/bin/env bash
# SO_ORIGINAL_DST fails with ENOENT for a connection that was redirected in a conntrack zone, although the redirection
# works.
#
# Seen with nft 1.0.6 of Debian 12 and 1.1.3 of Debian 13, Linux 6.18. `tcp dport 80 redirect to :8080`, a server on
# port 8080, and a client of 127.0.0.1 port 80, which is answered each time:
#   no zone                     the original destination is 127.0.0.1 port 80
#   ct original zone set 7      the original destination is 127.0.0.1 port 80
#   ct reply zone set 7         getsockopt: ENOENT
#   ct zone set 7               getsockopt: ENOENT
# The kernel (`getorigdst`) looks for a connection whose reply has the addresses and ports of the socket, in the default
# zone: a socket knows no zone. Transparent proxies learn from this call where a client wanted to go. Zones are for
# nodes on which addresses occur more than once, so the proxy works in all tests without them. Put redirected
# connections into a zone in the original direction only, which tells apart clients of the same address; or use
# tproxy, by which the socket's own address is the original destination.
#
# Needs root, unshare, nftables and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

# Makes a redirected connection, and prints what the server learns.
connect() {
    python3 - <<'PYTHON'
import errno, socket, struct
SO_ORIGINAL_DST = 80
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 8080))
listener.listen()
client = socket.create_connection(("127.0.0.1", 80), timeout=5)
server, _ = listener.accept()
server.sendall(b"hello")
print("answered," if client.recv(9) == b"hello" else "silent,", end=" ")
try:
    _, port, address = struct.unpack("!HH4s", server.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)[:8])
    print(socket.inet_ntoa(address), port)
except OSError as error:
    print(errno.errorcode[error.errno])
PYTHON
}

ip link set lo up
echo "here: $(nft --version), Linux $(uname -r)"
for zone in "" "ct original zone set 7" "ct reply zone set 7" "ct zone set 7"; do
    nft -f - <<NFT
flush ruleset
table ip t {
    chain early-out {
        type filter hook output priority raw
        $zone
    }
    chain early-in {
        type filter hook prerouting priority raw
        $zone
    }
    chain redirects {
        type nat hook output priority -100
        tcp dport 80 redirect to :8080
    }
}
NFT
    learnt=$(connect)
    echo "${zone:-no zone}: $learnt"
    wanted="answered, 127.0.0.1 80"
    [[ $zone != "ct zone"* && $zone != "ct reply"* ]] || wanted="answered, ENOENT"
    [ "$learnt" = "$wanted" ] || fail "${zone:-no zone}: $learnt"
done
echo "still so: in a zone the original destination is not found"
