/* libnl with its generic netlink part, and the numbers and structures of the kernel interfaces that are
   spoken over netlink. A header that is included here is not included by CIPTables, also not by
   another header: Swift would find what it declares in one of the two modules only, and not say in
   which.
   <net/if.h> comes first: it and <linux/if.h> define the same structs unless the C library's is
   seen before. */
#include <net/if.h>
#include <stddef.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/ip_vs.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
