#!/usr/bin/env bash
# IPVS rewrites replies of connections that were never made to a virtual server, to come from its
# address.
#
# IPVS looks up every packet that a node forwards by the address and port of the real server and of the
# client. So if a client has used a source port for a virtual server, and soon after uses it for the
# real server directly, through the same node, it never gets an answer: the node rewrites the source of
# the SYN-ACK. net.ipv4.vs.conntrack=1 does not change that. A node that masquerades from random ports
# while its own processes use other nodes' virtual servers sees this now and then.
#
# Seen with ipvsadm 1.31 of Debian 12, Linux 6.1.176 (user-mode-linux 6.1um4+b13):
#   client 192.0.2.2:5555 to 198.51.100.1:80 (virtual server, real server 203.0.113.2:8080): answered
#   client 192.0.2.2:5555 to 203.0.113.2:8080: the SYN-ACK comes from 198.51.100.1:80
#
# Needs root, iproute2, ipvsadm, Python 3, and IPVS in the kernel; scripts/uml has one on any host:
#   scripts/uml findings/ipvs-takes-passing-replies.sh
# Works in its own network namespaces.
set -euo pipefail

client=finding-client-$$ node=finding-node-$$ server=finding-server-$$
listener=
trap 'clean' EXIT
clean() {
    [ -z "$listener" ] || kill "$listener" 2>/dev/null || true
    for each in "$client" "$node" "$server"; do ip netns delete "$each" 2>/dev/null || true; done
}
fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

for each in "$client" "$node" "$server"; do
    ip netns add "$each"
    ip -n "$each" link set lo up
done
# A veth pair from the node to client and server.
wire() {
    ip -n "$node" link add "$2" type veth peer name eth0 netns "$1"
    ip -n "$node" address add "$3.1/24" dev "$2"
    ip -n "$node" link set "$2" up
    ip -n "$1" address add "$3.2/24" dev eth0
    ip -n "$1" link set eth0 up
    ip -n "$1" route add default via "$3.1"
}
wire "$client" outside 192.0.2
wire "$server" inside 203.0.113
ip -n "$node" address add 198.51.100.1/32 dev lo
in_node() { ip netns exec "$node" "$@"; }
in_node sysctl -q -w net.ipv4.ip_forward=1
in_node ipvsadm -A -t 198.51.100.1:80 -s rr
in_node ipvsadm -a -t 198.51.100.1:80 -r 203.0.113.2:8080 -m

echo "here: $(ipvsadm --version), Linux $(uname -r)"
exec 3< <(exec ip netns exec "$server" python3 -c '
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("203.0.113.2", 8080))
listener.listen()
print("ready", flush=True)
while True:
    peer, _ = listener.accept()
    peer.sendall(b"hello")
    peer.close()
')
listener=$!
read -r ready <&3 || fail "the server does not start"

# Connects from a source port; prints whether the client got an answer, and who sent the SYN-ACK.
connect() {
    ip netns exec "$client" python3 - "$@" <<'PYTHON'
import select, socket, sys
source, address, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
client.bind(("192.0.2.2", source))
client.settimeout(4)
try:
    client.connect((address, port))
    outcome = "answered" if client.recv(9) == b"hello" else "closed"
except OSError as error:
    outcome = "timeout" if isinstance(error, TimeoutError) else error.strerror
sender = "nobody"
while select.select([wire], [], [], 0)[0]:
    packet = wire.recv(2048)
    header = (packet[0] & 15) * 4
    if packet[9] == 6 and packet[header + 13] & 0x12 == 0x12:
        number = int.from_bytes(packet[header:header + 2], "big")
        sender = f"{socket.inet_ntoa(packet[12:16])}:{number}"
        break
print(outcome, sender)
PYTHON
}

for tracking in 0 1; do
    in_node sysctl -q -w "net.ipv4.vs.conntrack=$tracking"
    first=$(( 5555 + tracking ))
    other=$(( 6555 + tracking ))
    virtual=$(connect "$first" 198.51.100.1 80)
    direct=$(connect "$other" 203.0.113.2 8080)
    again=$(connect "$first" 203.0.113.2 8080)
    echo "vs.conntrack=$tracking: virtual server from $first: $virtual"
    echo "  real server from $other: $direct; from $first: $again"
    [ "$virtual" = "answered 198.51.100.1:80" ] || fail "the virtual server: $virtual"
    [ "$direct" = "answered 203.0.113.2:8080" ] || fail "from another port: $direct"
    [ "$again" = "timeout 198.51.100.1:80" ] || fail "from the same port: $again"
done
echo "still so: a reply that passes is given the virtual server's address"
