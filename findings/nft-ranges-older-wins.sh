#!/usr/bin/env bash
# In an nftables map with concatenated ranges elements may overlap, and a lookup finds the older one, not the
# narrower one. Whether an overlapping element is accepted at all depends on the order.
#
# Seen with nft 1.0.6 of Debian 12 and 1.1.3 of Debian 13, Linux 6.18. A map of `ipv4_addr . inet_service` with `flags
# interval`, and a lookup of 127.1.0.1 port 5353:
#   127.1.0.0/16 . 5300-5399 first, then 127.0.0.0/8 . 5353     both accepted, the first one is found
#   127.0.0.0/8 . 5353 first, then 127.1.0.0/16 . 5300-5399     both accepted, the first one is found
#   127.1.0.0/16 . 5353 first, then 127.0.0.0/8 . 5353          both accepted, the first one is found
#   127.0.0.0/8 . 5353 first, then 127.1.0.0/16 . 5353          "File exists"
#   127.1.0.0/16 . 5353 deleted and added with another
#     value in one transaction, beside 127.0.0.0/8 . 5353       "File exists"
# A map of addresses alone refuses all of these. This kind (`pipapo` in the kernel) looks up the lower ends of the new
# element's ranges, then the upper ends, and refuses it only if an element has one of the two. So nodes with the same
# elements can decide differently, and an element inside another cannot get a new value by itself. Make ranges that a
# user may nest (source ranges, allow lists) disjoint; or add the narrow ones first, and to replace one, delete and add
# the wider ones after it in the same transaction.
#
# Needs root, unshare, nftables and python3. Works in its own network namespace, on loopback.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

# Makes the table anew, and adds the elements one after the other.
fill() {
    nft flush ruleset
    nft -f - <<'NFT'
table ip t {
    map ranges {
        type ipv4_addr . inet_service : mark
        flags interval
    }
    set found {
        type mark
        size 16
        flags dynamic
    }
    chain out {
        type filter hook output priority 0
        meta mark set ip daddr . udp dport map @ranges add @found { meta mark }
    }
}
NFT
    local each
    for each in "$@"; do nft add element ip t ranges "{ $each }" 2>&1 || return 1; done
}

# Sends a datagram, and prints the value that the rule has found for it.
found() {
    nft flush set ip t found
    python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("127.1.0.1", 5353))'
    nft list set ip t found | grep -o '0x[0-9a-f]*'
}

expect() {
    echo "$1: $2"
    [ "$2" = "$3" ] || fail "$1: $2, not $3"
}

wide='127.0.0.0/8 . 5353 : 1' partly='127.1.0.0/16 . 5300-5399 : 2' inside='127.1.0.0/16 . 5353 : 3'
ip link set lo up
echo "here: $(nft --version), Linux $(uname -r)"
fill "$partly" "$wide" || fail "partly inside, then wide: refused"
expect "partly inside, then wide" "$(found)" 0x00000002
fill "$wide" "$partly" || fail "wide, then partly inside: refused"
expect "wide, then partly inside" "$(found)" 0x00000001
said=$(fill "$wide" "$inside") && fail "wide, then inside: accepted"
[[ $said == *"File exists"* ]] || fail "wide, then inside: $said"
echo "wide, then inside: ${said%%$'\n'*}"
fill "$inside" "$wide" || fail "inside, then wide: refused"
expect "inside, then wide" "$(found)" 0x00000003
said=$(printf '%s\n' 'delete element ip t ranges { 127.1.0.0/16 . 5353 }' \
    'add element ip t ranges { 127.1.0.0/16 . 5353 : 4 }' | nft -f - 2>&1) && fail "an element inside was replaced"
[[ $said == *"File exists"* ]] || fail "replacing the one inside: $said"
echo "replacing the one inside: ${said%%$'\n'*}"
expect "after that" "$(found)" 0x00000003
printf '%s element ip t ranges { %s }\n' delete '127.1.0.0/16 . 5353' delete '127.0.0.0/8 . 5353' \
    add '127.1.0.0/16 . 5353 : 4' add '127.0.0.0/8 . 5353 : 1' | nft -f - || fail "both could not be replaced"
expect "both replaced, the one inside first" "$(found)" 0x00000004
echo "still so: of overlapping elements the older one is found, and order decides what is accepted"
