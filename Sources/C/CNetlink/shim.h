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
#include <linux/ip_vs.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/ipset/ip_set_bitmap.h>
#include <linux/netfilter/ipset/ip_set_hash.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

/* What rules say of sets, as CIPTables has it for other matches and targets. */
#define FAIRLEAD_FIELD(type, field) type##_##field = offsetof(struct type, field)
#define FAIRLEAD_SIZE(type) type##_size = sizeof(struct type)
enum {
    FAIRLEAD_FIELD(xt_set_info, index),
    FAIRLEAD_FIELD(xt_set_info, dim),
    FAIRLEAD_FIELD(xt_set_info, flags),
    FAIRLEAD_SIZE(xt_set_info_match_v4),
    FAIRLEAD_FIELD(xt_set_info_match_v4, match_set),
    FAIRLEAD_SIZE(xt_set_info_target_v3),
    FAIRLEAD_FIELD(xt_set_info_target_v3, add_set),
    FAIRLEAD_FIELD(xt_set_info_target_v3, del_set),
    FAIRLEAD_FIELD(xt_set_info_target_v3, map_set),
    FAIRLEAD_FIELD(xt_set_info_target_v3, flags),
    FAIRLEAD_FIELD(xt_set_info_target_v3, timeout),
};
#undef FAIRLEAD_FIELD
#undef FAIRLEAD_SIZE
