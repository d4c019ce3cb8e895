/* libipset, and the numbers and structures of sets in the kernel. As with CNetlink, a header that is
   included here is included by no other module. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* libipset has a copy of <linux/netfilter.h>'s union with other members, which would clash with the
   kernel's in a file that imports both. */
#define nf_inet_addr libipset_inet_addr
#include <libipset/data.h>
#include <libipset/errcode.h>
#include <libipset/ipset.h>
#include <libipset/linux_ip_set.h>
#include <libipset/linux_ip_set_bitmap.h>
#include <libipset/linux_ip_set_hash.h>
#include <libipset/session.h>
#include <libipset/types.h>
#undef nf_inet_addr
#include <linux/netfilter/xt_set.h>

/* Swift cannot define functions with a variable number of arguments, as libipset's output wants. */

/* What a session has printed, with a terminating zero; NULL before there is any. */
struct fairlead_text {
    char *bytes;
    size_t length;
    size_t capacity;
};

static int fairlead_text_print(
    struct ipset_session *session, void *text, const char *format, ...
) __attribute__((format(printf, 3, 4)));

static inline int fairlead_text_print(
    struct ipset_session *session, void *text, const char *format, ...
)
{
    struct fairlead_text *into = (struct fairlead_text *) text;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    (void) session;
    if (length < 0) return -1;
    size_t needed = into->length + (size_t) length + 1;
    if (needed > into->capacity) {
        char *bytes = (char *) realloc(into->bytes, 2 * needed);
        if (bytes == NULL) return -1;
        into->bytes = bytes;
        into->capacity = 2 * needed;
    }
    va_start(arguments, format);
    vsnprintf(into->bytes + into->length, (size_t) length + 1, format, arguments);
    va_end(arguments);
    into->length += (size_t) length;
    return 0;
}

/* A session that prints into `text`, which must outlive it. */
static inline struct ipset_session *fairlead_ipset_session(struct fairlead_text *text)
{
    return ipset_session_init(fairlead_text_print, text);
}

/* The type for the set that the session's data describes: of the revisions that kernel and library share
   the oldest that is not older than `oldest`. NULL after an error, which the session reports, also if all
   are older. */
static inline const struct ipset_type *fairlead_ipset_type(
    struct ipset_session *session, uint8_t oldest
)
{
    const struct ipset_type *found = ipset_type_get(session, IPSET_CMD_CREATE);
    if (found == NULL) return NULL;
    /* The list has the newest revision of a type first. */
    for (const struct ipset_type *next = found->next;
         next != NULL && ipset_match_typename(found->name, next) && next->family == found->family
         && next->kernel_check != IPSET_KERNEL_MISMATCH && next->revision >= oldest;
         next = next->next)
        found = next;
    if (found->revision < oldest) {
        ipset_err(session,
            "Kernel and libipset share revisions of %s up to %u, while %u is needed.",
            found->name, found->revision, oldest);
        return NULL;
    }
    ipset_data_set(ipset_session_data(session), IPSET_OPT_TYPE, found);
    return found;
}

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
