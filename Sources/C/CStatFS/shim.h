/* statfs(2), which the Glibc module leaves out; statvfs(3) does not say what kind of file system it is. */
#include <sys/statfs.h>
