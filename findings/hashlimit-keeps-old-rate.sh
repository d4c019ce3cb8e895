#!/usr/bin/env bash
# A new rate for `hashlimit` is listed, and the old one stays in force, if the rule is changed in place
# (`iptables-restore`, `iptables -R`).
#
# Seen with iptables 1.8.9 of Debian 12 and 1.8.11 of Debian 13, Linux 6.18, legacy and nft alike. The rule
#   -A OUTPUT -p udp --dport 5353 -m hashlimit --hashlimit-upto 2/hour --hashlimit-burst 2 --hashlimit-mode dstip
#     --hashlimit-name web -j ACCEPT
# lets 2 of 20 datagrams pass to each address. After iptables-restore of the same file with 100 in place of 2:
#   iptables -S                            --hashlimit-upto 100/hour --hashlimit-burst 100
#   datagrams to an address not seen yet   2 of 20 pass
#   the same after iptables -R             2 of 20 pass
#   by another --hashlimit-name            20 of 20 pass
# The rate belongs to the kernel's table of that name, not to the rule. The table exists until its last rule is gone, a
# new rule finds it by name, and the rule's own rate is then ignored. A restore makes the new rules before it removes
# the old ones. So a limit that was raised because of its drops goes on dropping, until a reboot or a flush, and
# every listing says that it does not. Put the rate into the name (`web-100`).
#
# Needs root, unshare, iptables and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

# Sends 20 datagrams to an address of the loopback interface, and prints how many arrive.
passed() {
    python3 - "$1" <<'PYTHON'
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 5353))
server.setblocking(False)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
count = 0
for _ in range(20):
    try:
        client.sendto(b"x", (sys.argv[1], 5353))
        server.recv(9)
        count += 1
    except (PermissionError, BlockingIOError):
        pass  # dropped
print(count)
PYTHON
}

# The words of a rule with this rate and name.
rule() {
    echo "OUTPUT -p udp --dport 5353 -m hashlimit --hashlimit-upto $1/hour --hashlimit-burst $1" \
        "--hashlimit-mode dstip --hashlimit-name $2 -j ACCEPT"
}

# Loads a whole filter table.
load() {
    printf '%s\n' '*filter' "-A $(rule "$2" "$3")" '-A OUTPUT -p udp --dport 5353 -j DROP' COMMIT | "$1-restore"
}

ip link set lo up
echo "here: $(iptables-legacy --version), $(iptables-nft --version), Linux $(uname -r)"
for tool in iptables-nft iptables-legacy; do
    load "$tool" 2 web
    old=$(passed 127.0.0.1)
    load "$tool" 100 web
    listed=$("$tool" -S OUTPUT | grep -o -- '--hashlimit-upto [^ ]* --hashlimit-burst [^ ]*')
    restored=$(passed 127.0.0.2)
    read -ra words <<<"$(rule 100 web)"
    "$tool" -R OUTPUT 1 "${words[@]:1}"
    replaced=$(passed 127.0.0.3)
    load "$tool" 100 web-100
    renamed=$(passed 127.0.0.4)
    echo "$tool, of 20 datagrams: $old pass at 2 an hour; listed then: $listed;" \
        "$restored pass after a restore, $replaced after -R, $renamed by another name"
    [ "$old" -eq 2 ] || fail "$old pass at first"
    [ "$listed" = "--hashlimit-upto 100/hour --hashlimit-burst 100" ] || fail "listed is $listed"
    [ "$restored" -eq 2 ] || fail "$restored pass after a restore"
    [ "$replaced" -eq 2 ] || fail "$replaced pass after -R"
    [ "$renamed" -eq 20 ] || fail "$renamed pass by another name"
    "$tool" -F
done
echo "still so: a hashlimit that is changed in place keeps its old rate"
