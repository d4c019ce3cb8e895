// Loaded into User-mode Linux by scripts/uml. Its kernel sets the floating-point registers of a process
// from the first 2,696 bytes of the state that XSAVE stores, up to the protection keys. Linux takes the
// state only whole (xstateregs_set in arch/x86/kernel/fpu/regset.c), and processors with AMX store 11 KB:
// there, the first process of the machine would end before its first instruction.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

// Of what the processor's manual calls XSTATE_BV: the parts that lie in those 2,696 bytes.
#define PARTS_IN_FRONT 0x3ffu
#define PARTS_OFFSET 512

typedef long (*ptrace_function)(enum __ptrace_request, pid_t, void *, void *);

// The machine's kernel runs on one thread, which alone traces.
static unsigned char whole[1 << 16];
static size_t whole_size;

// Sets all registers: the given ones, and for the parts behind them the processor's initial state.
static long set_whole(ptrace_function next, pid_t process, const struct iovec *front) {
    struct iovec all = {whole, sizeof whole};
    if (whole_size == 0) {
        if (next(PTRACE_GETREGSET, process, (void *)NT_X86_XSTATE, &all) != 0) return -1;
        whole_size = all.iov_len;
        memset(whole, 0, sizeof whole);
    }
    memcpy(whole, front->iov_base, front->iov_len);
    uint64_t parts;
    memcpy(&parts, whole + PARTS_OFFSET, sizeof parts);
    parts &= PARTS_IN_FRONT;
    memcpy(whole + PARTS_OFFSET, &parts, sizeof parts);
    all.iov_len = whole_size;
    return next(PTRACE_SETREGSET, process, (void *)NT_X86_XSTATE, &all);
}

long ptrace(enum __ptrace_request request, ...) {
    static ptrace_function next;
    if (next == NULL) next = (ptrace_function)dlsym(RTLD_NEXT, "ptrace");
    va_list arguments;
    va_start(arguments, request);
    pid_t process = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE) {
        const struct iovec *front = data;
        if (whole_size == 0 && next(request, process, address, data) == 0) return 0;
        return set_whole(next, process, front);
    }
    return next(request, process, address, data);
}
