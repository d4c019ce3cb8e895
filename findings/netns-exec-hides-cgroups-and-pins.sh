#!/usr/bin/env bash
# `ip netns exec` changes more than the network namespace: cgroups and pinned BPF objects are not there any more.
#
# Seen with iproute2 6.1.0 and bpftool 7.1.0 of Debian 12, Linux 6.18, as root:
#   ip netns exec NAME ls /sys/fs/cgroup     nothing; and nothing at /sys/fs/bpf, where a map is pinned
#   nsenter --net=/run/netns/NAME ls …       both as in the host
# To show the namespace's interfaces in /sys/class/net, ip takes /sys away with all that is mounted below it and mounts
# another one, in a mount namespace of its own. A program of BPF that is run this way finds no cgroup to attach to and no
# map of its own to reuse, so it begins anew, and what it pins to a file system that it mounts is gone with it,
# while the same command without ip, or by nsenter or systemd's NetworkNamespacePath=, works.
#
# Needs root, unshare, ip, nsenter and bpftool. Works in its own mount namespace.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

echo "here: $(ip -V), $(bpftool version | head -1), Linux $(uname -r)"
mountpoint -q /sys/fs/cgroup || fail "no cgroups are mounted at /sys/fs/cgroup"
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip netns add sample
bpftool map create /sys/fs/bpf/sample type array key 4 value 4 entries 1 name sample

by_ip() { ip netns exec sample ls "$1"; }
by_nsenter() { nsenter --net=/run/netns/sample ls "$1"; }
count() { "$1" "$2" 2>/dev/null | wc -l; }

[ "$(ip netns exec sample readlink /proc/self/ns/net)" = "$(nsenter --net=/run/netns/sample readlink /proc/self/ns/net)" ] \
    || fail "the two commands lead to different network namespaces"
for place in /sys/fs/bpf /sys/fs/cgroup; do
    echo "$place: $(count by_nsenter "$place") entries by nsenter, $(count by_ip "$place") by ip netns exec"
    [ "$(count by_nsenter "$place")" -gt 0 ] || fail "$place is empty by nsenter, too"
    [ "$(count by_ip "$place")" = 0 ] || fail "$place has entries by ip netns exec"
done
echo "still so: ip netns exec hides /sys/fs/cgroup and /sys/fs/bpf"
