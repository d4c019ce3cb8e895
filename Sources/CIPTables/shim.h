/* libiptc and the kernel's table layout. <net/if.h> comes first: it and <linux/if.h>, which the
   kernel headers include, define the same structs unless the C library's is seen before. */
#include <net/if.h>
#include <libiptc/libiptc.h>
#include <libiptc/libip6tc.h>
