/* What is remembered of a socket: which frontend an endpoint stands for. */
#pragma once

#include "lookup.h"

/* Of a connected socket. It is a part of the socket, and gone with it. */
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct lb_peer);
} peers SEC(".maps");

/* Of connected UDP sockets once more, by their cookies: for the daemon, which ends those whose endpoint is gone. An
   entry goes when its socket connects elsewhere or is closed. */
HASH_MAP(udp_sockets, uint64_t, struct lb_udp_socket);

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

/* False if there is no room. */
static __always_inline bool remember_udp_socket(uint64_t cookie, const struct lb_peer *peer) {
    struct lb_udp_socket socket = {.peer = *peer, .since = bpf_ktime_get_ns()};
    if (bpf_map_update_elem(&udp_sockets, &cookie, &socket, BPF_EXIST) == 0) return true;
    if (bpf_map_update_elem(&udp_sockets, &cookie, &socket, BPF_NOEXIST) != 0) return false;
    count_udp_sockets(1);
    return true;
}

static __always_inline enum verdict remember_peer(struct bpf_sock_addr *ctx, const struct lookup *lookup) {
    struct lb_peer *peer = bpf_sk_storage_get(&peers, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
    if (!peer) return left_for_lack_of(LB_SOCKET_MEMORY);
    peer->frontend = lookup->wanted;
    peer->endpoint = lookup->endpoint;
    if (ctx->protocol == IPPROTO_UDP) {
        struct lb_peer copy = {.frontend = lookup->wanted, .endpoint = lookup->endpoint};
        if (!remember_udp_socket(bpf_get_socket_cookie(ctx), &copy)) return left_for_lack_of(LB_UDP_SOCKETS);
    }
    return FOUND;
}

static __always_inline enum verdict connecting(struct bpf_sock_addr *ctx, struct lookup *lookup) {
    if (ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_UDP) return LEFT;
    uint64_t namespace = 0;
    enum verdict verdict = find_group(ctx, lookup, &namespace);
    if (verdict == FOUND) verdict = choose(lookup, namespace);
    if (verdict == FOUND) verdict = remember_peer(ctx, lookup);
    /* A socket may connect once more. */
    if (verdict != FOUND && bpf_sk_storage_delete(&peers, ctx->sk) == 0 && ctx->protocol == IPPROTO_UDP)
        forget_udp_socket(bpf_get_socket_cookie(ctx));
    return verdict;
}

/* Whether a flow's group still has its endpoint, in whatever slots. */
static __always_inline bool is_current(const struct flow *flow, uint32_t group) {
    return flow->group == group && (flow->endpoint.port == 0 || is_member(group, &flow->endpoint));
}

/* Copies the flow to `frontend`, if there is one. */
static __always_inline bool find_flow(
    struct flows *known, const struct lb_endpoint *frontend, struct flow *found) {
    bool is_found = false;
    bpf_spin_lock(&known->lock);
    for (int i = 0; i < FLOWS && i < known->used; i++) {
        if (!same(&known->flow[i].frontend, frontend)) continue;
        *found = known->flow[i];
        is_found = true;
        break;
    }
    bpf_spin_unlock(&known->lock);
    return is_found;
}

/* Sets the flow to a frontend in place of `former`, which is empty if there was none. If another thread was faster,
   its flow is adopted. The endpoint must not answer for another frontend of this socket, as answers could not be told
   apart: then the flow is left to the packet rules. False if there is no room. */
static __always_inline bool keep_flow(struct flows *known, const struct flow *former, struct flow *new) {
    bool is_kept = false;
    bool is_adopted = false;
    int place = -1;
    bpf_spin_lock(&known->lock);
    int used = known->used;
    for (int i = 0; i < FLOWS && i < used; i++) {
        if (same(&known->flow[i].frontend, &new->frontend)) {
            place = i;
            is_adopted = known->flow[i].group != former->group ||
                         !same(&known->flow[i].endpoint, &former->endpoint);
            if (is_adopted) {
                *new = known->flow[i];
                break;
            }
        } else if (same(&known->flow[i].endpoint, &new->endpoint)) {
            __builtin_memset(&new->endpoint, 0, sizeof(new->endpoint));
        }
    }
    if (place < 0) place = used;
    if (is_adopted) {
        is_kept = true;
    } else if (place >= 0 && place < FLOWS) {
        known->flow[place] = *new;
        if (place == used) known->used = used + 1;
        is_kept = true;
    }
    bpf_spin_unlock(&known->lock);
    return is_kept;
}

static __always_inline enum verdict sending(struct bpf_sock_addr *ctx, struct lookup *lookup) {
    uint64_t namespace = 0;
    enum verdict verdict = find_group(ctx, lookup, &namespace);
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

/* The frontend that stands for a connected socket's peer. */
static __always_inline bool frontend_of_peer(
    struct bpf_sock_addr *ctx, const struct lb_endpoint *shown, struct lb_endpoint *frontend) {
    struct lb_peer *peer = bpf_sk_storage_get(&peers, ctx->sk, NULL, 0);
    if (!peer || !same(&peer->endpoint, shown)) return false;
    *frontend = peer->frontend;
    return true;
}

/* The frontend that a datagram from `shown` answers for. */
static __always_inline bool frontend_of_sender(
    struct bpf_sock_addr *ctx, const struct lb_endpoint *shown, struct lb_endpoint *frontend) {
    /* What is remembered of a peer outlasts its connection if the program ends that. */
    if (ctx->sk->state == BPF_TCP_ESTABLISHED && frontend_of_peer(ctx, shown, frontend)) return true;
    struct flows *known = bpf_sk_storage_get(&flows, ctx->sk, NULL, 0);
    if (!known) return false;
    bool is_found = false;
    bpf_spin_lock(&known->lock);
    for (int i = 0; i < FLOWS && i < known->used; i++) {
        if (!same(&known->flow[i].endpoint, shown)) continue;
        *frontend = known->flow[i].frontend;
        is_found = true;
        break;
    }
    bpf_spin_unlock(&known->lock);
    return is_found;
}
