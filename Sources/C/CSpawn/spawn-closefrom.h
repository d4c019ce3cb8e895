// glibc (2.34 on) declares this only where _GNU_SOURCE is defined before any header, which Swift's
// own module for glibc does not.
#pragma once
#include <spawn.h>

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
