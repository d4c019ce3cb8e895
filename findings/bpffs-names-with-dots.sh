#!/usr/bin/env bash
# A name with a dot on a bpf file system is refused as if a capability were missing.
#
# Seen with bpftool 7.1.0 of Debian 12, Linux 6.18, as root with every capability:
#   bpftool map create DIR/with-dash type array ...   made and pinned
#   bpftool map create DIR/with.dot type array ...    Error: can't pin the object (…): Operation not permitted
#   mkdir DIR/with.dot                                Operation not permitted
# The kernel keeps names with dots for itself (`bpf_lookup` in kernel/bpf/inode.c) and says EPERM, neither EINVAL nor
# a name. So a pin or folder named for a release or a host, `v1.2` or `node.example`, sends its
# reader after capabilities, the sandbox of the unit, or a security module. Reading such a name is refused alike, so
# that asking whether a pin exists fails with EPERM instead of ENOENT.
#
# Needs root, unshare and bpftool. Works in its own mount namespace.
set -euo pipefail

if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private -- "$0" inside; fi

fail() { printf 'changed: %s\n' "$*" >&2; exit 1; }

echo "here: $(bpftool version | head -1), Linux $(uname -r)"
folder=$(mktemp -d)
trap 'umount "$folder"; rmdir "$folder"' EXIT
mount -t bpf bpf "$folder"

pin() { bpftool map create "$folder/$1" type array key 4 value 4 entries 1 name sample 2>&1; }

pin with-dash || fail "a map cannot be pinned at all"
echo "a map at with-dash: pinned"
said=$(pin with.dot) && fail "a map was pinned at a name with a dot"
echo "a map at with.dot: $said"
[[ $said == *"Operation not permitted"* ]] || fail "another error for the pin"
said=$(mkdir "$folder/with.dot" 2>&1) && fail "a directory was made with a dot in its name"
echo "a directory with.dot: $said"
[[ $said == *"Operation not permitted"* ]] || fail "another error for the directory"
said=$(stat "$folder/not.there" 2>&1) && fail "a file that nobody made is there"
echo "asking for not.there: $said"
[[ $said == *"Operation not permitted"* ]] || fail "another error for a name that is not there"
echo "still so: dots are refused as not permitted"
