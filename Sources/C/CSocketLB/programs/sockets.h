/* What is remembered of a socket: which frontend an endpoint stands for. */
#pragma once

#include "lookup.h"

/* Of a connected TCP socket. It is a part of the socket, and gone with it. */
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct lb_peer);
} peers SEC(".maps");

/* Of connected UDP sockets, by their cookies: also for the daemon, which ends those whose endpoint is gone, and is not told
   what belongs to a socket. An entry goes when its socket connects elsewhere or is closed. What belongs to the socket as
   well would be dearer than both together. */
HASH_MAP(udp_sockets, uint64_t, struct lb_udp_socket, BPF_F_NO_PREALLOC);

/* The number of its entries, which the kernel does not know. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, uint64_t);
} udp_count SEC(".maps");

/* Where the datagrams of an unconnected socket go, one flow for each frontend: they keep their endpoint, as
   packet rules do for a connection, and answers show the frontend. */
struct flow {
    struct lb_endpoint frontend;
    /* Port 0: left to the packet rules. */
    struct lb_endpoint endpoint;
    uint32_t group;
    uint32_t reserved;
};

#define FLOWS 16

struct flows {
    struct bpf_spin_lock lock;
    /* The first `used` are in use. What finds none free is left to the packet rules. */
    uint32_t used;
    struct flow flow[FLOWS];
};

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct flows);
} flows SEC(".maps");

/* How often there was no room. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, LB_OVERFLOWS);
    __type(key, uint32_t);
    __type(value, uint64_t);
} overflows SEC(".maps");

static __always_inline enum verdict left_for_lack_of(uint32_t room) {
    uint64_t *count = bpf_map_lookup_elem(&overflows, &room);
    if (count) __sync_fetch_and_add(count, 1);
    return LEFT;
}

static __always_inline void count_udp_sockets(int64_t more) {
    uint32_t first = 0;
    uint64_t *count = bpf_map_lookup_elem(&udp_count, &first);
    if (count) __sync_fetch_and_add(count, more);
}

static __always_inline void forget_udp_socket(uint64_t cookie) {
    /* Most sockets have no entry, and a lookup takes no lock. */
    if (!bpf_map_lookup_elem(&udp_sockets, &cookie)) return;
    if (bpf_map_delete_elem(&udp_sockets, &cookie) == 0) count_udp_sockets(-1);
}

static __always_inline enum verdict remember_udp_socket(uint64_t cookie, const struct lookup *lookup) {
    struct lb_udp_socket socket = {
        .peer = {.frontend = lookup->wanted, .endpoint = lookup->endpoint},
        .since = bpf_ktime_get_ns(),
    };
    /* Few sockets connect once more. */
    if (bpf_map_update_elem(&udp_sockets, &cookie, &socket, BPF_NOEXIST) == 0) {
        count_udp_sockets(1);
        return FOUND;
    }
    if (bpf_map_update_elem(&udp_sockets, &cookie, &socket, BPF_EXIST) == 0) return FOUND;
    return left_for_lack_of(LB_UDP_SOCKETS);
}

static __always_inline enum verdict remember_tcp_socket(struct bpf_sock_addr *ctx, const struct lookup *lookup) {
    struct lb_peer *peer = bpf_sk_storage_get(&peers, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
    if (!peer) return left_for_lack_of(LB_SOCKET_MEMORY);
    peer->frontend = lookup->wanted;
    peer->endpoint = lookup->endpoint;
    return FOUND;
}

static __always_inline enum verdict connecting(struct bpf_sock_addr *ctx, struct lookup *lookup) {
    bool is_udp = ctx->protocol == IPPROTO_UDP;
    if (ctx->protocol != IPPROTO_TCP && !is_udp) return LEFT;
    uint64_t namespace = 0;
    enum verdict verdict = find_group(ctx, lookup, &namespace);
    if (verdict == FOUND) verdict = choose(lookup, namespace);
    if (verdict == FOUND)
        verdict = is_udp ? remember_udp_socket(bpf_get_socket_cookie(ctx), lookup) : remember_tcp_socket(ctx, lookup);
    /* A socket may connect once more. */
    if (verdict != FOUND) {
        if (is_udp)
            forget_udp_socket(bpf_get_socket_cookie(ctx));
        else
            bpf_sk_storage_delete(&peers, ctx->sk);
    }
    return verdict;
}

/* Whether a flow's group still has its endpoint, in whatever slots. */
static __always_inline bool is_current(const struct flow *flow, uint32_t group) {
    return flow->group == group && (flow->endpoint.port == 0 || is_member(group, &flow->endpoint));
}

/* The place of the flow that has `wanted` as its frontend or endpoint; FLOWS or more if there is none. For who has the
   lock. */
static __always_inline uint64_t place_of(struct flows *known, const struct lb_endpoint *wanted, bool is_frontend) {
    uint64_t place = FLOWS;
    for (uint64_t i = 0; i < FLOWS && i < known->used; i++) {
        struct flow *flow = &known->flow[i];
        uint64_t mask = mask_if_same(is_frontend ? &flow->frontend : &flow->endpoint, wanted);
        place = (place & ~mask) | (i & mask);
    }
    return place;
}

/* Copies the flow to `frontend`, if there is one. */
static __always_inline bool find_flow(
    struct flows *known, const struct lb_endpoint *frontend, struct flow *found) {
    bpf_spin_lock(&known->lock);
    uint64_t place = place_of(known, frontend, true);
    bool is_found = place < FLOWS;
    if (is_found) *found = known->flow[place];
    bpf_spin_unlock(&known->lock);
    return is_found;
}

/* Sets the flow to a frontend in place of `former`, which is empty if there was none. If another thread was faster,
   its flow is adopted. The endpoint must not answer for another frontend of this socket, as answers could not be told
   apart: then the flow is left to the packet rules. False if there is no room. */
static __always_inline bool keep_flow(struct flows *known, const struct flow *former, struct flow *new) {
    bool is_kept = true;
    bpf_spin_lock(&known->lock);
    uint64_t place = place_of(known, &new->frontend, true);
    uint64_t other = place_of(known, &new->endpoint, false);
    if (place < FLOWS && (known->flow[place].group != former->group ||
                          !same(&known->flow[place].endpoint, &former->endpoint))) {
        *new = known->flow[place];
    } else {
        /* The verifier of Linux 6.1 makes an impossible place of two that cannot be equal, and goes on with it: it
           must not see that this compares them. */
        uint64_t gap = other ^ place;
        asm volatile("" : "+r"(gap));
        if (other < FLOWS && gap != 0) __builtin_memset(&new->endpoint, 0, sizeof(new->endpoint));
        if (place >= FLOWS) place = known->used++;
        if (place < FLOWS) {
            known->flow[place] = *new;
        } else {
            known->used = FLOWS;
            is_kept = false;
        }
    }
    bpf_spin_unlock(&known->lock);
    return is_kept;
}

/* The program sends to `endpoint` itself, which is to answer as itself from then on: the frontend that it stands for is
   left to the packet rules, as answers could not be told apart. */
static __always_inline void leave_endpoint(struct bpf_sock_addr *ctx, const struct lb_endpoint *endpoint) {
    struct flows *known = bpf_sk_storage_get(&flows, ctx->sk, NULL, 0);
    if (!known) return;
    bpf_spin_lock(&known->lock);
    uint64_t place = place_of(known, endpoint, false);
    if (place < FLOWS) __builtin_memset(&known->flow[place].endpoint, 0, sizeof(known->flow[place].endpoint));
    bpf_spin_unlock(&known->lock);
}

static __always_inline enum verdict sending(struct bpf_sock_addr *ctx, struct lookup *lookup) {
    uint64_t namespace = 0;
    enum verdict verdict = find_group(ctx, lookup, &namespace);
    if (verdict == LEFT) leave_endpoint(ctx, &lookup->wanted);
    if (verdict != FOUND) return verdict;
    struct flows *known = bpf_sk_storage_get(&flows, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
    if (!known) return left_for_lack_of(LB_SOCKET_MEMORY);
    struct flow former = {}, flow = {};
    if (find_flow(known, &lookup->wanted, &former) && is_current(&former, lookup->group)) {
        flow = former;
    } else {
        if (choose(lookup, namespace) != FOUND) return LEFT;
        flow.frontend = lookup->wanted;
        flow.endpoint = lookup->endpoint;
        flow.group = lookup->group;
        if (!keep_flow(known, &former, &flow)) return left_for_lack_of(LB_SOCKET_FLOWS);
    }
    if (flow.endpoint.port == 0) return LEFT;
    lookup->endpoint = flow.endpoint;
    return FOUND;
}

/* What is remembered of a connected socket. */
static __always_inline bool find_peer(struct bpf_sock_addr *ctx, struct lb_peer *found) {
    if (ctx->protocol == IPPROTO_UDP) {
        uint64_t cookie = bpf_get_socket_cookie(ctx);
        struct lb_udp_socket socket = {};
        if (COPY(&udp_sockets, &cookie, &socket) != COPIED) return false;
        *found = socket.peer;
        return true;
    }
    struct lb_peer *peer = bpf_sk_storage_get(&peers, ctx->sk, NULL, 0);
    if (!peer) return false;
    *found = *peer;
    return true;
}

/* The frontend that stands for a connected socket's peer. */
static __always_inline bool frontend_of_peer(
    struct bpf_sock_addr *ctx, const struct lb_endpoint *shown, struct lb_endpoint *frontend) {
    struct lb_peer peer = {};
    if (!find_peer(ctx, &peer) || !same(&peer.endpoint, shown)) return false;
    *frontend = peer.frontend;
    return true;
}

/* The frontend that a datagram from `shown` answers for. */
static __always_inline bool frontend_of_sender(
    struct bpf_sock_addr *ctx, const struct lb_endpoint *shown, struct lb_endpoint *frontend) {
    /* A connected socket hears its peer alone. What is remembered of a peer outlasts its connection if the program ends
       that. */
    if (ctx->sk->state == BPF_TCP_ESTABLISHED) return frontend_of_peer(ctx, shown, frontend);
    struct flows *known = bpf_sk_storage_get(&flows, ctx->sk, NULL, 0);
    if (!known) return false;
    bpf_spin_lock(&known->lock);
    uint64_t place = place_of(known, shown, false);
    bool is_found = place < FLOWS;
    if (is_found) *frontend = known->flow[place].frontend;
    bpf_spin_unlock(&known->lock);
    return is_found;
}
