/* Programs at the socket calls of a cgroup, which exchange a Service's address for an endpoint's before there
   is a packet, and show the Service's address where a program asks for it.

   Those for IPv4 include a set for IPv4 addresses on IPv6 sockets (::ffff:a.b.c.d). sendmsg needs none: the
   kernel calls the one for IPv4 then. */
#include "sockets.h"

char programs_license[] SEC("license") = "GPL";

static __always_inline struct lb_endpoint endpoint4(struct bpf_sock_addr *ctx) {
    struct lb_endpoint endpoint = {
        .address = {{0, 0, bpf_htonl(0xffff), ctx->user_ip4}},
        .port = (uint16_t)ctx->user_port,
    };
    return endpoint;
}

static __always_inline struct lb_endpoint endpoint6(struct bpf_sock_addr *ctx) {
    struct lb_endpoint endpoint = {
        .address = {{ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}},
        .port = (uint16_t)ctx->user_port,
    };
    return endpoint;
}

static __always_inline void set4(struct bpf_sock_addr *ctx, const struct lb_endpoint *endpoint) {
    ctx->user_ip4 = endpoint->address.words[3];
    ctx->user_port = endpoint->port;
}

static __always_inline void set6(struct bpf_sock_addr *ctx, const struct lb_endpoint *endpoint) {
    ctx->user_ip6[0] = endpoint->address.words[0];
    ctx->user_ip6[1] = endpoint->address.words[1];
    ctx->user_ip6[2] = endpoint->address.words[2];
    ctx->user_ip6[3] = endpoint->address.words[3];
    ctx->user_port = endpoint->port;
}

/* The address that the socket is bound to. */
static __always_inline struct lb_address own4(struct bpf_sock *socket) {
    struct lb_address address = {{0, 0, bpf_htonl(0xffff), socket->src_ip4}};
    return address;
}

static __always_inline struct lb_address own6(struct bpf_sock *socket) {
    struct lb_address address = {
        {socket->src_ip6[0], socket->src_ip6[1], socket->src_ip6[2], socket->src_ip6[3]}};
    return address;
}

/* connect() and sendmsg(): `what` looks for an endpoint. */
#define EXCHANGE(section, name, version, own_version, is_mine, what)         \
    SEC(section)                                                             \
    int name(struct bpf_sock_addr *ctx) {                                    \
        struct lookup lookup = {.wanted = endpoint##version(ctx)};           \
        if (!(is_mine)) return 1;                                            \
        lookup.own = own##own_version(ctx->sk);                              \
        enum verdict verdict = what(ctx, &lookup);                           \
        if (verdict == REFUSED) return refuse();                             \
        if (verdict == FOUND) set##version(ctx, &lookup.endpoint);           \
        return 1;                                                            \
    }

EXCHANGE("cgroup/connect4", fl_connect4, 4, 4, true, connecting)
EXCHANGE("cgroup/connect6", fl_connect6, 6, 6, !is_ipv4(&lookup.wanted.address), connecting)
EXCHANGE("cgroup/connect6", fl_connect6_v4, 6, 4, is_ipv4(&lookup.wanted.address), connecting)
EXCHANGE("cgroup/sendmsg4", fl_sendmsg4, 4, 4, true, sending)
EXCHANGE("cgroup/sendmsg6", fl_sendmsg6, 6, 6, !is_ipv4(&lookup.wanted.address), sending)

/* recvmsg() and getpeername(): `what` looks for a frontend. */
#define SHOW(section, name, version, is_mine, what)                          \
    SEC(section)                                                             \
    int name(struct bpf_sock_addr *ctx) {                                    \
        struct lb_endpoint shown = endpoint##version(ctx), frontend = {};    \
        if ((is_mine) && what(ctx, &shown, &frontend)) set##version(ctx, &frontend); \
        return 1;                                                            \
    }

SHOW("cgroup/recvmsg4", fl_recvmsg4, 4, true, frontend_of_sender)
SHOW("cgroup/recvmsg6", fl_recvmsg6, 6, !is_ipv4(&shown.address), frontend_of_sender)
SHOW("cgroup/recvmsg6", fl_recvmsg6_v4, 6, is_ipv4(&shown.address), frontend_of_sender)
SHOW("cgroup/getpeername4", fl_getpeer4, 4, true, frontend_of_peer)
SHOW("cgroup/getpeername6", fl_getpeer6, 6, !is_ipv4(&shown.address), frontend_of_peer)
SHOW("cgroup/getpeername6", fl_getpeer6_v4, 6, is_ipv4(&shown.address), frontend_of_peer)

/* close(). A socket is in the cgroup where it was made, as it was when it connected. */
SEC("cgroup/sock_release")
int fl_release(struct bpf_sock *ctx) {
    if (ctx->protocol == IPPROTO_UDP) forget_udp_socket(bpf_get_socket_cookie(ctx));
    return 1;
}
