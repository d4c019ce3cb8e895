#!/usr/bin/env bash
# iptables-save saves an empty filter table, and reports success, once nft has added a rule with
# `ct status` to a chain that iptables-nft made.
#
# Seen with iptables 1.8.9 (nf_tables) and nft 1.0.6 of Debian 12, Linux 6.18:
#   iptables -P FORWARD DROP; iptables -A FORWARD -s 192.0.2.0/24 -j ACCEPT
#   nft insert rule ip filter FORWARD ct status dnat accept
#   iptables-save             prints "# Table `filter' is incompatible, use 'nft' tool.", status 0
#   iptables -S FORWARD       status 1
# The kernel still has all rules. A firewall saved in this state (netfilter-persistent) is empty after
# the next boot. `iptables -I FORWARD -m conntrack --ctstate DNAT -j ACCEPT` has the same effect on
# packets, and stays readable.
#
# Needs root, iptables and nftables. Works in its own network namespace.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

echo "here: $(iptables-nft --version), $(nft --version), Linux $(uname -r)"
iptables-nft -P FORWARD DROP
iptables-nft -A FORWARD -s 192.0.2.0/24 -j ACCEPT
iptables-nft-save | grep -q -- '-A FORWARD -s 192.0.2.0/24 -j ACCEPT' || fail "the rule is not saved at first"

nft insert rule ip filter FORWARD ct status dnat accept
status=0
saved=$(iptables-nft-save) || status=$?
printf '%s\n' "$saved"
[ "$status" -eq 0 ] || fail "iptables-save ends with status $status"
[ "$(grep -vc '^#' <<<"$saved" || true)" -eq 0 ] || fail "iptables-save prints rules"
grep -q 'incompatible' <<<"$saved" || fail "the comment is another one"
if iptables-nft -S FORWARD; then fail "iptables -S works"; fi
nft list chain ip filter FORWARD | grep -q 192.0.2.0/24 || fail "the kernel has lost the rule"

# The same condition as an iptables rule is saved.
nft flush ruleset
iptables-nft -A FORWARD -s 192.0.2.0/24 -j ACCEPT
iptables-nft -I FORWARD -m conntrack --ctstate DNAT -j ACCEPT
[ "$(iptables-nft-save | grep -c '^-A FORWARD')" -eq 2 ] || fail "iptables' own rule is not saved"
echo "still so: a rule with ct status empties what iptables-save prints, with status 0"
