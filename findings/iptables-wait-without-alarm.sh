#!/usr/bin/env bash
# `iptables -w SECONDS` waits for the xtables lock without a limit if whoever started it had SIGALRM blocked.
#
# Seen with iptables 1.8.9 (legacy) of Debian 12, Linux 6.18, another process holding the lock for 6 s:
#   iptables-legacy -w 2 -L                        "Can't lock …: Resource temporarily unavailable", status 4 after 2 s
#   the same, from a thread that blocks SIGALRM    waits the 6 s, then lists the table, status 0
# The limit is an alarm(2) that is to interrupt flock(2), and programs inherit the mask of blocked signals through execve(2)
# from the thread that starts them. Worker threads of libdispatch block nearly all signals, and so do threads of any program
# that takes its signals in one place, as sigwait(3) and signalfd(2) want it. So a controller that runs `iptables -w 5` and
# counts on an answer within 5 s has to start it with an empty mask (posix_spawnattr_setsigmask(3)), or to bound the wait
# itself.
#
# Needs root, iptables, flock and python3. Works in its own network namespace, with a lock file of its own.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --net -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

echo "here: $(iptables-legacy --version), Linux $(uname -r)"
folder=$(mktemp -d)
holder=
clean() {
    if [ -n "$holder" ]; then kill "$holder" 2>/dev/null || true; fi
    rm -r "$folder"
}
trap clean EXIT
export XTABLES_LOCKFILE=$folder/lock
# Loads the module, which takes time.
iptables-legacy -L >/dev/null

# Sets `took` and `status`.
attempt() { # words that start it
    flock --no-fork "$XTABLES_LOCKFILE" sleep 6 &
    holder=$!
    until ! flock --nonblock "$XTABLES_LOCKFILE" true; do sleep 0.1; done
    local began=$SECONDS
    status=0
    "$@" iptables-legacy -w 2 -L >"$folder/output" 2>&1 || status=$?
    took=$((SECONDS - began))
    wait "$holder"
    holder=
    echo "status $status after $took s: $(head -n 1 "$folder/output")"
}

attempt env
[ "$status" -eq 4 ] && [ "$took" -lt 5 ] || fail "with an empty mask the wait is not of 2 s"
attempt python3 -c 'import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
os.execvp(sys.argv[1], sys.argv[1:])'
[ "$status" -eq 0 ] && [ "$took" -ge 4 ] || fail "with SIGALRM blocked it does not wait for the lock's holder"
echo "still so: -w is no limit where SIGALRM is blocked"
