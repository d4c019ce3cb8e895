#pragma once
#include <spawn.h>
// Not in Swift's own module for glibc.
#include <sys/fsuid.h>

// glibc (2.34 on) declares this only where _GNU_SOURCE is defined before any header, which Swift's
// own module for glibc does not.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
