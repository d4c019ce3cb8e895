/* glibc's allocator, which the Glibc module leaves out, and the program's own pages. */
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the linker: where the program's file is mapped, and the end of its code. What lies between is the file's,
   unchanged: constants and code. */
extern const char __executable_start, etext;

/* Unmaps the pages of the program's constants and code, which come back from the file's pages in memory when they are
   used. Returns 0, or -1 with errno. */
static inline int drop_program_pages(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)&__executable_start + page - 1) & ~(page - 1);
    uintptr_t end = (uintptr_t)&etext & ~(page - 1);
    return madvise((void *)start, end - start, MADV_DONTNEED);
}
