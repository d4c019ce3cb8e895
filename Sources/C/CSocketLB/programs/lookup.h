/* What all programs share: the maps, and from a destination to an endpoint.

   A program that finds no answer leaves the destination as it is. The packet rules underneath know every
   frontend, so that this is always right, only slower. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

#define AF_INET 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define ECONNREFUSED 111
#define NANOSECONDS 1000000000ull

/* The daemon sets the sizes. A map of the plan has all of its memory at once (`flags` 0): entries are written many at a
   time, which is twice as fast then, and where the kernel gets memory for single ones too slowly, it refuses them. */
#define HASH_MAP(name, key_type, value_type, flags) \
    struct {                                       \
        __uint(type, BPF_MAP_TYPE_HASH);           \
        __uint(map_flags, flags);                  \
        __uint(max_entries, 1);                    \
        __type(key, key_type);                     \
        __type(value, value_type);                 \
    } name SEC(".maps")

HASH_MAP(frontends, struct lb_frontend, struct lb_action, 0);
HASH_MAP(groups, uint32_t, struct lb_group, 0);
HASH_MAP(slots, struct lb_slot, struct lb_endpoint, 0);
HASH_MAP(members, struct lb_member, uint32_t, 0);
HASH_MAP(addresses, struct lb_address, uint32_t, 0);

/* Numbers of cgroups whose processes, with those below, are left to the packet rules. */
HASH_MAP(excluded, uint64_t, uint32_t, BPF_F_NO_PREALLOC);

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct lb_client);
    __type(value, struct lb_affinity);
} affinity SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct lb_settings);
} settings SEC(".maps");

/* Whether the kernel lets a program choose the error of the system call; the verifier removes what depends on
   a constant, so that older kernels do not see the helper. */
const volatile bool can_refuse = false;

enum verdict {
    LEFT,
    REFUSED,
    FOUND,
};

/* A socket's destination and what it is exchanged for. */
struct lookup {
    struct lb_endpoint wanted;
    struct lb_address own;
    uint32_t group;
    struct lb_endpoint endpoint;
};

/* Not 0 if they differ. Without a branch for each word: the verifier follows every one, in loops again and again. */
static __always_inline uint32_t difference(const struct lb_endpoint *a, const struct lb_endpoint *b) {
    const uint32_t *left = a->address.words, *right = b->address.words;
    return (left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2]) | (left[3] ^ right[3]) |
           (uint32_t)(a->port ^ b->port);
}

static __always_inline bool same(const struct lb_endpoint *a, const struct lb_endpoint *b) {
    return difference(a, b) == 0;
}

/* All bits if they are the same, or else none: for loops, where each branch would be as many ways for the verifier. */
static __always_inline uint64_t mask_if_same(const struct lb_endpoint *a, const struct lb_endpoint *b) {
    /* Only 0 - 1 has the sign, as there are 32 bits. */
    uint64_t mask = (uint64_t)(((int64_t)difference(a, b) - 1) >> 63);
    /* The compiler must not see that this is a comparison: it would make a branch of it. */
    asm volatile("" : "+r"(mask));
    return mask;
}

static __always_inline bool is_ipv4(const struct lb_address *a) {
    return a->words[0] == 0 && a->words[1] == 0 && a->words[2] == bpf_htonl(0xffff);
}

static __always_inline bool is_unspecified(const struct lb_address *a) {
    return a->words[0] == 0 && a->words[1] == 0 &&
           (a->words[2] == 0 || a->words[2] == bpf_htonl(0xffff)) && a->words[3] == 0;
}

static __always_inline bool is_loopback(const struct lb_address *a) {
    if (is_ipv4(a)) return (bpf_ntohl(a->words[3]) >> 24) == 127;
    return a->words[0] == 0 && a->words[1] == 0 && a->words[2] == 0 && a->words[3] == bpf_htonl(1);
}

enum reading {
    ABSENT,
    COPIED,
    /* It was replaced again and again meanwhile. */
    UNSTEADY,
};

/* Copies an entry's value. The memory of an entry that is removed or replaced serves another one at once, so a value
   counts only if the entry is still there once it is copied; otherwise the next one is copied. */
#define COPIES 4
#define COPY(map, key, copy)                                                          \
    ({                                                                                \
        __typeof__(copy) present = bpf_map_lookup_elem(map, key);                     \
        enum reading reading = present ? UNSTEADY : ABSENT;                           \
        _Pragma("clang loop unroll(disable)")                                         \
        for (int i = 0; i < COPIES && reading == UNSTEADY; i++) {                     \
            *(copy) = *present;                                                       \
            __typeof__(copy) again = bpf_map_lookup_elem(map, key);                   \
            reading = !again ? ABSENT : again == present ? COPIED : UNSTEADY;         \
            present = again;                                                          \
        }                                                                             \
        reading;                                                                      \
    })

/* What is to be done with a destination; LEFT if nothing says so, or if that changes at this moment. */
static __always_inline enum verdict find_action(
    const struct lb_endpoint *wanted, uint8_t protocol, struct lb_action *action) {
    struct lb_frontend frontend = {
        .address = wanted->address,
        .port = wanted->port,
        .protocol = protocol,
    };
    enum reading reading = COPY(&frontends, &frontend, action);
    if (reading == ABSENT && bpf_map_lookup_elem(&addresses, &wanted->address)) {
        __builtin_memset(&frontend.address, 0, sizeof(frontend.address));
        frontend.is_node_port = 1;
        reading = COPY(&frontends, &frontend, action);
    }
    return reading == COPIED ? FOUND : LEFT;
}

/* The client that keeps its endpoint: by its address where the socket is bound to one, or else by its network
   namespace, as no address has been chosen yet. */
static __always_inline struct lb_client client_of(const struct lookup *lookup, uint64_t namespace) {
    struct lb_client client = {.address = lookup->own, .group = lookup->group};
    if (is_unspecified(&lookup->own)) {
        client.address.words[0] = UINT32_MAX;
        client.address.words[1] = UINT32_MAX;
        client.address.words[2] = namespace >> 32;
        client.address.words[3] = (uint32_t)namespace;
    }
    return client;
}

static __always_inline uint32_t hash(const struct lb_address *address) {
    uint64_t sum = 0x9e3779b97f4a7c15ull;
    for (int i = 0; i < 4; i++) {
        sum = (sum ^ address->words[i]) * 0xff51afd7ed558ccdull;
        sum ^= sum >> 32;
    }
    return (uint32_t)sum;
}

static __always_inline bool is_member(uint32_t group, const struct lb_endpoint *endpoint) {
    struct lb_member member = {.group = group, .endpoint = *endpoint};
    return bpf_map_lookup_elem(&members, &member) != NULL;
}

/* The endpoint of a slot. While a group shrinks, its last slots may be gone already. */
static __always_inline enum verdict find_endpoint(struct lookup *lookup, uint32_t slot) {
    struct lb_slot key = {.group = lookup->group, .slot = slot};
    enum reading reading = COPY(&slots, &key, &lookup->endpoint);
    if (reading == ABSENT) {
        key.slot = 0;
        reading = COPY(&slots, &key, &lookup->endpoint);
    }
    return reading == COPIED ? FOUND : LEFT;
}

static __always_inline enum verdict choose(struct lookup *lookup, uint64_t namespace) {
    struct lb_group group = {};
    if (COPY(&groups, &lookup->group, &group) != COPIED || group.slots == 0) return LEFT;
    struct lb_client client = client_of(lookup, namespace);
    uint64_t lifetime = group.affinity_seconds * NANOSECONDS;
    uint64_t now = lifetime ? bpf_ktime_get_ns() : 0;
    if (lifetime) {
        struct lb_affinity *kept = bpf_map_lookup_elem(&affinity, &client);
        /* Another processor may have stored a later time than `now`. */
        if (kept && kept->last_used + lifetime > now) {
            lookup->endpoint = kept->endpoint;
            if (is_member(lookup->group, &lookup->endpoint)) {
                kept->last_used = now;
                return FOUND;
            }
        }
    }
    uint32_t number = group.choice == LB_HASHED_CLIENT ? hash(&client.address) : bpf_get_prandom_u32();
    if (find_endpoint(lookup, number % group.slots) != FOUND) return LEFT;
    if (lifetime) {
        struct lb_affinity new = {.last_used = now, .endpoint = lookup->endpoint};
        bpf_map_update_elem(&affinity, &client, &new, BPF_ANY);
    }
    return FOUND;
}

/* Nobody nests cgroups deeper than this without cause; what is deeper is left out by those above it alone. */
#define CGROUP_LEVELS 32

/* Whether the process that calls is one of a cgroup that is left out. */
static __always_inline bool is_excluded(void) {
#pragma clang loop unroll(disable)
    for (int level = 0; level < CGROUP_LEVELS; level++) {
        uint64_t cgroup = bpf_get_current_ancestor_cgroup_id(level);
        if (cgroup == 0) return false;
        if (bpf_map_lookup_elem(&excluded, &cgroup)) return true;
    }
    return false;
}

/* Whether programs serve this socket's destination, and by which group: `lookup->group`. */
static __always_inline enum verdict find_group(
    struct bpf_sock_addr *ctx, struct lookup *lookup, uint64_t *namespace) {
    struct lb_action action = {};
    if (find_action(&lookup->wanted, ctx->protocol, &action) != FOUND || action.kind == LB_LEAVE) return LEFT;
    uint32_t first = 0;
    struct lb_settings *set = bpf_map_lookup_elem(&settings, &first);
    if (!set) return LEFT;
    uint64_t node = set->node_namespace ? set->node_namespace : bpf_get_netns_cookie(NULL);
    *namespace = bpf_get_netns_cookie(ctx);
    /* A pod's loopback addresses are its own. */
    if (*namespace != node && (set->scope == LB_NODE || is_loopback(&lookup->wanted.address))) return LEFT;
    if (set->exclusions && is_excluded()) return LEFT;
    /* A loopback address reaches no endpoint elsewhere. */
    if (is_loopback(&lookup->own)) return LEFT;
    if (action.kind == LB_REFUSE) return can_refuse ? REFUSED : LEFT;
    lookup->group = action.group;
    return FOUND;
}

/* What a program returns for a system call that fails with ECONNREFUSED. */
static __always_inline int refuse(void) {
    if (can_refuse) bpf_set_retval(-ECONNREFUSED);
    return 0;
}
