#!/usr/bin/env bash
# After one refused `list`, an interactive session of ipset reports every later command as failed, although
# the kernel does what they ask for.
#
# Seen with ipset 7.17 of Debian 12 and 7.22 of Debian 13, Linux 6.18. Five lines to `ipset -`:
#   create a hash:ip      done
#   list nosuch           "The set with the given name does not exist", rightly
#   create b hash:ip      "Internal protocol error"; b exists
#   add a 192.0.2.1       "Internal protocol error"; the entry is there
#   list a                "Internal protocol error", and no list
# A refused dump leaves a second answer in the session's socket, which the next command takes for its own:
# its sequence number does not match. From then on each command reads the answer to the one before. The same
# holds for a program that keeps a session of libipset, so one after a refused list is to be replaced.
#
# Needs root, unshare and ipset. Works in its own network namespace.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

echo "here: $(ipset --version), Linux $(uname -r)"
said=$(printf '%s\n' 'create a hash:ip' 'list nosuch' 'create b hash:ip' 'add a 192.0.2.1' 'list a' quit | ipset - 2>&1)
printf '%s\n' "$said"
[ "$(grep -c 'does not exist' <<<"$said")" -eq 1 ] || fail "the list is not refused, or more than that"
[ "$(grep -c 'Internal protocol error' <<<"$said")" -eq 3 ] || fail "not three commands are reported as failed"
grep -q '^Name: a' <<<"$said" && fail "the last list is there"
[ "$(ipset list -n | tr '\n' ' ')" = "a b " ] || fail "b was not made"
ipset test a 192.0.2.1 2>/dev/null || fail "the entry was not added"
echo "still so: commands after a refused list are done and reported as failed"
