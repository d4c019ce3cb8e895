/* Kernel interfaces spoken over netlink: numbers and structures only, no library behind them.
   <net/if.h> comes first: it and <linux/if.h> define the same structs unless the C library's is
   seen before. */
#include <net/if.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip_vs.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/ipset/ip_set_bitmap.h>
#include <linux/netfilter/ipset/ip_set_hash.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
