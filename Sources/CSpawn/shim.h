/* What <spawn.h> declares for GNU programs only, which Swift's are not taken for. */
#include <spawn.h>

/* Closes all descriptors from `from` on in the child (glibc 2.34). */
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
