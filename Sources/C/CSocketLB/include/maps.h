/* What the daemon writes into maps and the programs look up there, for one family.

   Addresses and ports are in network order; an IPv4 address stands in the form ::ffff:a.b.c.d. No structure
   has padding, as maps compare all bytes of a key. A change raises LB_LAYOUT: the daemon then fills new maps
   before it replaces the programs. */
#pragma once

#include <stdint.h>

enum { LB_LAYOUT = 2 };

struct lb_address {
    uint32_t words[4];
};

struct lb_endpoint {
    struct lb_address address;
    uint16_t port;
    uint16_t reserved;
};

/* What a program on this node connects or sends to. A node port has no address but ::. */
struct lb_frontend {
    struct lb_address address;
    uint16_t port;
    uint8_t protocol;
    uint8_t is_node_port;
};

enum lb_action_kind {
    LB_GROUP = 0,
    /* There is no endpoint. */
    LB_REFUSE = 1,
    /* Left to the packet rules. */
    LB_LEAVE = 2,
};

struct lb_action {
    uint32_t kind;
    uint32_t group;
};

enum lb_choice {
    LB_RANDOM = 0,
    LB_HASHED_CLIENT = 1,
};

/* The slots of a group have the numbers 0 to `slots` - 1. */
struct lb_group {
    uint32_t slots;
    uint32_t choice;
    /* 0 without affinity. */
    uint32_t affinity_seconds;
    /* 1 if flows of datagrams ask for its members; programs do not read it. */
    uint32_t is_for_datagrams;
};

struct lb_slot {
    uint32_t group;
    uint32_t slot;
};

/* An endpoint that a group has, if it is for datagrams or with affinity: flows and affinities to others no longer
   count. */
struct lb_member {
    uint32_t group;
    struct lb_endpoint endpoint;
};

enum lb_scope {
    /* Sockets in the node's network namespace. */
    LB_NODE = 0,
    /* Pods' too. */
    LB_ALL = 1,
};

struct lb_settings {
    /* The cookie of the node's network namespace; 0 for that of the first process. */
    uint64_t node_namespace;
    /* `lb_programs_version` of the programs that are attached. */
    uint64_t version;
    uint32_t scope;
    /* `LB_LAYOUT` of all maps. */
    uint32_t layout;
    /* How many cgroups are left out: entries of `excluded`. */
    uint32_t exclusions;
    uint32_t reserved;
};

/* The address that a client's socket is bound to, or the cookie of its network namespace in the words 2 and 3
   after UINT32_MAX, which begins no address that a socket can have. */
struct lb_client {
    struct lb_address address;
    uint32_t group;
    uint32_t reserved;
};

struct lb_affinity {
    uint64_t last_used;
    struct lb_endpoint endpoint;
    uint32_t reserved;
};

/* What is remembered of a connected socket: of one for TCP in the socket itself. */
struct lb_peer {
    struct lb_endpoint frontend;
    struct lb_endpoint endpoint;
};

/* The same of a connected UDP socket, by the socket's cookie. */
struct lb_udp_socket {
    struct lb_peer peer;
    /* Nanoseconds of CLOCK_MONOTONIC: when it connected. */
    uint64_t since;
};

/* Why a program left a frontend to the packet rules that it knows: what there was no room in. */
enum lb_overflow {
    /* The socket's memory, for what is remembered of it; `net.core.optmem_max` limits it. */
    LB_SOCKET_MEMORY = 0,
    /* The flows of a socket that is not connected. */
    LB_SOCKET_FLOWS = 1,
    /* The table of connected UDP sockets. */
    LB_UDP_SOCKETS = 2,
    LB_OVERFLOWS,
};
