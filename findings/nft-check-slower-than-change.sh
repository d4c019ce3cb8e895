#!/usr/bin/env bash
# Checking an nftables change (`nft --check`) takes the kernel longer than making it.
#
# Seen with nft 1.0.6 of Debian 12, Linux 6.18, 50 runs each, most of it the start of nft:
#   nft add table ip NAME             9 ms
#   nft --check add table ip6 NAME   22 ms
# A transaction that is checked only, or refused, is undone, and the kernel then waits for an RCU grace
# period (`synchronize_rcu` in `__nf_tables_abort`) before it answers, 10 to 20 ms however small the
# transaction is. A commit leaves such waits to a worker. A program that tries out a dozen features one by
# one waits a quarter of a second; in one transaction they take one wait, since each refused message of a
# batch gets an answer of its own.
#
# Needs root, unshare and nftables. Works in its own network namespace.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

echo "here: $(nft --version), Linux $(uname -r)"

# Milliseconds of one run, of 50.
each() {
    local began i
    began=$(date +%s%N)
    for i in $(seq 50); do nft "$@" "table$i"; done
    echo $((($(date +%s%N) - began) / 50000000))
}

change=$(each add table ip)
check=$(each --check add table ip6)
echo "nft add table: $change ms; nft --check add table: $check ms"
[ "$(nft list tables | grep -c '^table ip ')" -eq 50 ] || fail "not all tables were made"
[ "$(nft list tables | grep -c '^table ip6 ' || true)" -eq 0 ] || fail "a check made a table"
[ "$check" -ge $((change + 4)) ] || fail "a check is about as fast as the change"
echo "still so: a check takes longer than the change"
