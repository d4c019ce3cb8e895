/* libbpf, and the numbers and structures of bpf(2). */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
/* The kind of a file system. */
#include <sys/statfs.h>
