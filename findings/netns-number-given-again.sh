#!/usr/bin/env bash
# The inode number of a network namespace, as /proc/PID/ns/net, `lsns` and `ip netns identify` know it, is given to the
# next one as soon as it is gone. Its cookie (SO_NETNS_COOKIE) is not.
#
# Seen with iproute2 6.1.0 of Debian 12 and python3, Linux 6.18:
#   `ip netns add x`, look, `ip netns delete x`, again     the second or third has the inode number of the first, as the
#                                                           lowest one that is free is taken; each has its own cookie
# namespaces(7) promises that two processes are in the same namespace if device and inode number of their links are
# equal, which holds at one time only. State that is kept by that number in a file, such as what an agent has changed in the
# namespace of a pod and is to put back, is taken for the next pod's after a restart. A cookie is 64 bits wide and is not
# given twice until the next boot (net/core/net_namespace.c); getsockopt(2) has it since Linux 5.14.
#
# Needs root, ip and python3. Its namespaces are named in a mount namespace of its own.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

echo "here: $(ip -V), Linux $(uname -r)"
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns

# Prints the inode number and the cookie of the namespace it runs in. SO_NETNS_COOKIE is 71 (asm-generic/socket.h).
look='import os, socket, struct
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    cookie = struct.unpack("Q", s.getsockopt(socket.SOL_SOCKET, 71, 8))[0]
print(os.stat("/proc/self/ns/net").st_ino, cookie)'

numbers=
cookies=
for round in $(seq 60); do
    ip netns add again
    read -r number cookie < <(ip netns exec again python3 -c "$look")
    ip netns delete again
    case " $cookies " in *" $cookie "*) fail "cookie $cookie comes again" ;; esac
    cookies="$cookies $cookie"
    case " $numbers " in *" $number "*) break ;; esac
    numbers="$numbers $number"
    number=
    # The kernel lets go of it a moment later.
    sleep 0.3
done
[ -n "$number" ] || fail "60 namespaces have inode numbers of their own"
echo "namespace $round has the inode number $number of an earlier one, and a cookie of its own, $cookie"
echo "still so: an inode number names a network namespace only as long as it is there"
