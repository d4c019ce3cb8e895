/* libiptc and the kernel's table layout. <net/if.h> comes first: it and <linux/if.h>, which the
   kernel headers include, define the same structs unless the C library's is seen before. */
#include <net/if.h>
#include <stddef.h>
#include <libiptc/libiptc.h>
#include <libiptc/libip6tc.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_bpf.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_ipvs.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

/* <sched.h> declares these behind _GNU_SOURCE, which Swift's import of it does not set. */
int setns(int descriptor, int type);
int unshare(int flags);
enum { namespace_of_network = 0x40000000 /* CLONE_NEWNET */ };

/* Swift has neither offsetof nor trailing arrays, and reads nested unions badly: the places and
   sizes of the fields that the rule codec writes, as constants named struct_field. */
#define FAIRLEAD_FIELD(type, field) type##_##field = offsetof(struct type, field)
#define FAIRLEAD_SIZE(type) type##_size = sizeof(struct type)
enum {
    FAIRLEAD_SIZE(ipt_entry),
    FAIRLEAD_FIELD(ipt_entry, nfcache),
    FAIRLEAD_FIELD(ipt_entry, target_offset),
    FAIRLEAD_FIELD(ipt_entry, next_offset),
    FAIRLEAD_FIELD(ipt_entry, comefrom),
    FAIRLEAD_FIELD(ipt_entry, counters),
    FAIRLEAD_FIELD(ipt_ip, src),
    FAIRLEAD_FIELD(ipt_ip, dst),
    FAIRLEAD_FIELD(ipt_ip, smsk),
    FAIRLEAD_FIELD(ipt_ip, dmsk),
    FAIRLEAD_FIELD(ipt_ip, iniface),
    FAIRLEAD_FIELD(ipt_ip, outiface),
    FAIRLEAD_FIELD(ipt_ip, iniface_mask),
    FAIRLEAD_FIELD(ipt_ip, outiface_mask),
    FAIRLEAD_FIELD(ipt_ip, proto),
    FAIRLEAD_FIELD(ipt_ip, flags),
    FAIRLEAD_FIELD(ipt_ip, invflags),

    FAIRLEAD_SIZE(ip6t_entry),
    FAIRLEAD_FIELD(ip6t_entry, nfcache),
    FAIRLEAD_FIELD(ip6t_entry, target_offset),
    FAIRLEAD_FIELD(ip6t_entry, next_offset),
    FAIRLEAD_FIELD(ip6t_entry, comefrom),
    FAIRLEAD_FIELD(ip6t_entry, counters),
    FAIRLEAD_FIELD(ip6t_ip6, src),
    FAIRLEAD_FIELD(ip6t_ip6, dst),
    FAIRLEAD_FIELD(ip6t_ip6, smsk),
    FAIRLEAD_FIELD(ip6t_ip6, dmsk),
    FAIRLEAD_FIELD(ip6t_ip6, iniface),
    FAIRLEAD_FIELD(ip6t_ip6, outiface),
    FAIRLEAD_FIELD(ip6t_ip6, iniface_mask),
    FAIRLEAD_FIELD(ip6t_ip6, outiface_mask),
    FAIRLEAD_FIELD(ip6t_ip6, proto),
    FAIRLEAD_FIELD(ip6t_ip6, flags),
    FAIRLEAD_FIELD(ip6t_ip6, invflags),

    /* One header serves matches and targets: the kernel declares two equal ones. */
    FAIRLEAD_SIZE(xt_entry_match),
    xt_entry_match_name = offsetof(struct xt_entry_match, u.user.name),
    xt_entry_match_revision = offsetof(struct xt_entry_match, u.user.revision),
    FAIRLEAD_SIZE(xt_standard_target),
    FAIRLEAD_FIELD(xt_standard_target, verdict),
    FAIRLEAD_SIZE(xt_error_target),
    FAIRLEAD_FIELD(xt_error_target, errorname),

    /* Requests about whole tables; the structs of IPv6 have the same fields. */
    FAIRLEAD_FIELD(ipt_get_entries, size),
    FAIRLEAD_FIELD(ipt_get_entries, entrytable),
    FAIRLEAD_FIELD(ipt_replace, valid_hooks),
    FAIRLEAD_FIELD(ipt_replace, num_entries),
    FAIRLEAD_FIELD(ipt_replace, size),
    FAIRLEAD_FIELD(ipt_replace, hook_entry),
    FAIRLEAD_FIELD(ipt_replace, underflow),
    FAIRLEAD_FIELD(ipt_replace, num_counters),
    FAIRLEAD_FIELD(ipt_replace, counters),
    FAIRLEAD_FIELD(ipt_replace, entries),
    FAIRLEAD_SIZE(xt_counters),
    FAIRLEAD_FIELD(xt_counters_info, num_counters),
    FAIRLEAD_FIELD(xt_counters_info, counters),

    FAIRLEAD_SIZE(xt_tcp),
    FAIRLEAD_FIELD(xt_tcp, spts),
    FAIRLEAD_FIELD(xt_tcp, dpts),
    FAIRLEAD_SIZE(xt_udp),
    FAIRLEAD_FIELD(xt_udp, spts),
    FAIRLEAD_FIELD(xt_udp, dpts),
    FAIRLEAD_SIZE(xt_sctp_info),
    FAIRLEAD_FIELD(xt_sctp_info, dpts),
    FAIRLEAD_FIELD(xt_sctp_info, flag_info),
    FAIRLEAD_SIZE(xt_sctp_flag_info),
    FAIRLEAD_FIELD(xt_sctp_info, flags),
    FAIRLEAD_SIZE(xt_conntrack_mtinfo3),
    FAIRLEAD_FIELD(xt_conntrack_mtinfo3, match_flags),
    FAIRLEAD_FIELD(xt_conntrack_mtinfo3, invert_flags),
    FAIRLEAD_FIELD(xt_conntrack_mtinfo3, state_mask),
    FAIRLEAD_SIZE(xt_mark_mtinfo1),
    FAIRLEAD_FIELD(xt_mark_mtinfo1, mark),
    FAIRLEAD_FIELD(xt_mark_mtinfo1, mask),
    FAIRLEAD_FIELD(xt_mark_mtinfo1, invert),
    FAIRLEAD_SIZE(xt_addrtype_info_v1),
    FAIRLEAD_FIELD(xt_addrtype_info_v1, source),
    FAIRLEAD_FIELD(xt_addrtype_info_v1, dest),
    FAIRLEAD_FIELD(xt_addrtype_info_v1, flags),
    FAIRLEAD_SIZE(xt_statistic_info),
    FAIRLEAD_FIELD(xt_statistic_info, mode),
    xt_statistic_info_probability = offsetof(struct xt_statistic_info, u.random.probability),
    xt_statistic_info_count = offsetof(struct xt_statistic_info, u.nth.count),
    FAIRLEAD_SIZE(xt_recent_mtinfo_v1),
    FAIRLEAD_FIELD(xt_recent_mtinfo_v1, seconds),
    FAIRLEAD_FIELD(xt_recent_mtinfo_v1, check_set),
    FAIRLEAD_FIELD(xt_recent_mtinfo_v1, name),
    FAIRLEAD_FIELD(xt_recent_mtinfo_v1, side),
    FAIRLEAD_FIELD(xt_recent_mtinfo_v1, mask),
    FAIRLEAD_SIZE(xt_bpf_info_v1),
    FAIRLEAD_FIELD(xt_bpf_info_v1, mode),
    FAIRLEAD_FIELD(xt_bpf_info_v1, bpf_program_num_elem),
    FAIRLEAD_FIELD(xt_bpf_info_v1, bpf_program),
    FAIRLEAD_SIZE(xt_comment_info),
    FAIRLEAD_SIZE(xt_ipvs_mtinfo),
    FAIRLEAD_FIELD(xt_ipvs_mtinfo, invert),
    FAIRLEAD_FIELD(xt_ipvs_mtinfo, bitmask),

    FAIRLEAD_SIZE(nf_nat_range2),
    FAIRLEAD_FIELD(nf_nat_range2, flags),
    FAIRLEAD_FIELD(nf_nat_range2, min_addr),
    FAIRLEAD_FIELD(nf_nat_range2, max_addr),
    FAIRLEAD_FIELD(nf_nat_range2, min_proto),
    FAIRLEAD_FIELD(nf_nat_range2, max_proto),
    FAIRLEAD_SIZE(nf_nat_ipv4_multi_range_compat),
    FAIRLEAD_FIELD(nf_nat_ipv4_multi_range_compat, rangesize),
    FAIRLEAD_FIELD(nf_nat_ipv4_multi_range_compat, range),
    FAIRLEAD_SIZE(nf_nat_range),
    FAIRLEAD_FIELD(nf_nat_range, flags),
    FAIRLEAD_SIZE(xt_mark_tginfo2),
    FAIRLEAD_FIELD(xt_mark_tginfo2, mark),
    FAIRLEAD_FIELD(xt_mark_tginfo2, mask),
    FAIRLEAD_SIZE(ipt_reject_info),
    FAIRLEAD_SIZE(ip6t_reject_info),
};
#undef FAIRLEAD_FIELD
#undef FAIRLEAD_SIZE
_Static_assert(offsetof(struct ip6t_get_entries, entrytable) == ipt_get_entries_entrytable
        && offsetof(struct ip6t_replace, entries) == ipt_replace_entries
        && offsetof(struct ip6t_replace, counters) == ipt_replace_counters
        && sizeof(struct ip6t_getinfo) == sizeof(struct ipt_getinfo),
    "requests of both families have one layout");

/* libiptc has every function twice, iptc_… and ip6tc_…, which differ in the type of their entries
   alone. Here is each once: with `ipv6` the second one is called. They return what it returns and
   leave its error in errno. Labels are names of chains that end with a zero. */
#define FAIRLEAD_TABLE(type, name, parameters, ...)                                          \
    static inline type xtables_##name parameters                                              \
    {                                                                                         \
        return ipv6 ? (type)ip6tc_##name(__VA_ARGS__) : (type)iptc_##name(__VA_ARGS__);       \
    }
FAIRLEAD_TABLE(struct xtc_handle *, init, (_Bool ipv6, const char *table), table)
FAIRLEAD_TABLE(void, free, (_Bool ipv6, struct xtc_handle *handle), handle)
FAIRLEAD_TABLE(const char *, first_chain, (_Bool ipv6, struct xtc_handle *handle), handle)
FAIRLEAD_TABLE(const char *, next_chain, (_Bool ipv6, struct xtc_handle *handle), handle)
FAIRLEAD_TABLE(int, is_chain, (_Bool ipv6, const char *chain, struct xtc_handle *handle),
    chain, handle)
FAIRLEAD_TABLE(int, builtin, (_Bool ipv6, const char *chain, struct xtc_handle *handle),
    chain, handle)
FAIRLEAD_TABLE(const void *, first_rule,
    (_Bool ipv6, const char *chain, struct xtc_handle *handle), chain, handle)
FAIRLEAD_TABLE(const void *, next_rule,
    (_Bool ipv6, const void *rule, struct xtc_handle *handle), rule, handle)
FAIRLEAD_TABLE(const char *, get_target,
    (_Bool ipv6, const void *rule, struct xtc_handle *handle), rule, handle)
FAIRLEAD_TABLE(int, append_entry,
    (_Bool ipv6, const char *chain, const void *entry, struct xtc_handle *handle),
    chain, entry, handle)
FAIRLEAD_TABLE(int, insert_entry,
    (_Bool ipv6, const char *chain, const void *entry, unsigned index, struct xtc_handle *handle),
    chain, entry, index, handle)
FAIRLEAD_TABLE(int, delete_num_entry,
    (_Bool ipv6, const char *chain, unsigned index, struct xtc_handle *handle),
    chain, index, handle)
FAIRLEAD_TABLE(int, flush_entries, (_Bool ipv6, const char *chain, struct xtc_handle *handle),
    chain, handle)
FAIRLEAD_TABLE(int, create_chain, (_Bool ipv6, const char *chain, struct xtc_handle *handle),
    chain, handle)
FAIRLEAD_TABLE(int, delete_chain, (_Bool ipv6, const char *chain, struct xtc_handle *handle),
    chain, handle)
FAIRLEAD_TABLE(const char *, get_policy,
    (_Bool ipv6, const char *chain, struct xt_counters *counters, struct xtc_handle *handle),
    chain, counters, handle)
FAIRLEAD_TABLE(int, set_policy,
    (_Bool ipv6, const char *chain, const char *policy, struct xt_counters *counters,
        struct xtc_handle *handle),
    chain, policy, counters, handle)
FAIRLEAD_TABLE(int, commit, (_Bool ipv6, struct xtc_handle *handle), handle)
FAIRLEAD_TABLE(const char *, strerror, (_Bool ipv6, int error), error)
#undef FAIRLEAD_TABLE
