/* The programs of socket-level load balancing, as scripts/generate-programs compiled them. */
#pragma once

#include <linux/membarrier.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "maps.h"

/* An ELF object for libbpf. */
const void *lb_programs(void);
size_t lb_programs_size(void);
/* The first eight bytes of its SHA-256. */
uint64_t lb_programs_version(void);

/* Returns when all programs have ended that run now: it waits for a grace period of RCU, in which the kernel
   runs programs. -1 where the kernel cannot. syscall() is variadic, which Swift does not call. */
static inline int lb_wait_for_programs(void) {
    return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}
