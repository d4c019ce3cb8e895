"""Tables and dumps of this kernel, and messages of subsystems that it may lack."""

import ctypes
import socket
import struct
import subprocess

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
REQUEST, DUMP = 1, 0x300


def attribute(kind, content):
    if isinstance(content, list):
        content, kind = b"".join(content), kind | 0x8000
    padding = b"\0" * (-len(content) % 4)
    return struct.pack("=HH", len(content) + 4, kind) + content + padding


def message(kind, payload, flags=0):
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, 1, 0) + payload


def dump(protocol, kind, payload):
    """The datagrams of an answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as netlink:
        netlink.settimeout(5)
        netlink.send(message(kind, payload, REQUEST | DUMP))
        while True:
            datagram = netlink.recv(1 << 16)
            yield datagram
            # NLMSG_DONE or NLMSG_ERROR, perhaps behind other messages.
            place, last = 0, 0
            while place + 16 <= len(datagram):
                length, last = struct.unpack_from("=IH", datagram, place)
                place += max(16, (length + 3) & ~3)
            if last in (2, 3):
                return


def run(command, text=None):
    subprocess.run(command, input=text, text=True, check=True)


def nftables(skeleton):
    for bit, family, number in [(0, "IPv4", 2), (1, "IPv6", 10)]:
        run(["nft", "-f", "-"], (skeleton / f"nftables.{family}.plan").read_text())
        general = struct.pack(">BBH", number, 0, 0)
        table = attribute(1, b"fairlead\0")
        # NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETSET
        for kind in 4, 7, 10:
            for datagram in dump(NETLINK_NETFILTER, 10 << 8 | kind, general + table):
                yield "netlink-nftables", bytes([bit]) + datagram
                if kind == 7:
                    yield "netlink-foreign-rules", bytes([bit]) + datagram
        # NFT_MSG_GETSETELEM
        for choice, name in enumerate([b"balancers", b"no-endpoints", b"cluster-ips", b"allowed"]):
            request = general + table + attribute(2, name + b"\0")
            for datagram in dump(NETLINK_NETFILTER, 10 << 8 | 13, request):
                yield "netlink-nftables", bytes([bit | (choice + 3) << 1]) + datagram


def element(verdict):
    """A list of two elements of a set, or of a verdict map."""
    def one(port):
        key = bytes([10, 96, 0, port, 6, 0, 0, 0]) + struct.pack(">HH", 80 + port, 0)
        parts = [attribute(1, [attribute(1, key)])]
        if verdict:
            code = [attribute(1, struct.pack(">i", -3)), attribute(2, b"chain\0")]
            parts.append(attribute(2, [attribute(2, code)]))
        counter = [attribute(1, b"\0" * 7 + b"\1"), attribute(2, b"\0" * 7 + b"\2")]
        parts.append(attribute(7, [attribute(1, b"counter\0"), attribute(2, counter)]))
        return attribute(1, parts)
    return attribute(3, [one(1), one(2)])


def elements():
    for choice in range(7):
        payload = struct.pack(">BBH", 2, 0, 0) + element(verdict=choice == 4)
        yield "netlink-nftables", bytes([choice << 1]) + message(10 << 8 | 12, payload)


def foreign_rules():
    """Those of nft, and matches and targets of iptables-nft, whose modules this kernel may lack."""
    run(["nft", "-f", "-"], """table inet other {
    set ports { type inet_service; elements = { 80 } }
    chain next { counter drop; }
    chain first {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        ct status dnat accept
        limit rate 5/second log accept
        meta l4proto tcp th dport 80 goto next
        tcp dport @ports jump next
        reject
    }
    chain nat {
        type nat hook prerouting priority -100;
        tcp dport 8080 dnat ip to 192.0.2.1:80
        udp dport 53 redirect to :5353
    }
}
""")
    general = struct.pack(">BBH", 1, 0, 0) + attribute(1, b"other\0")
    for datagram in dump(NETLINK_NETFILTER, 10 << 8 | 7, general):
        yield "netlink-foreign-rules", b"\0" + datagram

    def expression(name, *parts):
        return attribute(1, [attribute(1, name), attribute(2, list(parts))])
    states = bytes(148) + struct.pack("=HH", 0, 2)
    ports = struct.pack("=HHHH", 0, 0xffff, 80, 80) + bytes(4)
    for expressions in [
        [expression(b"match\0", attribute(1, b"conntrack\0"), attribute(2, b"\0\0\0\3"), attribute(3, states))],
        [
            expression(b"cmp\0", attribute(2, struct.pack(">I", 0)), attribute(3, [attribute(1, b"\6")])),
            expression(b"match\0", attribute(1, b"tcp\0"), attribute(3, ports)),
            expression(b"target\0", attribute(1, b"DNAT\0"), attribute(3, bytes(24))),
        ],
        [expression(b"target\0", attribute(1, b"REJECT\0"))],
    ]:
        payload = struct.pack(">BBH", 2, 0, 0) + attribute(4, expressions)
        yield "netlink-foreign-rules", b"\0" + message(10 << 8 | 6, payload)


def sockets():
    """`struct inet_diag_msg` of connected UDP sockets: of IPv4, of IPv6, and of IPv4 in IPv6."""
    for bit, family, peer in [
        (0, 2, b"\n\x60\0\n" + b"\0" * 12), (1, 10, b"\xfd" + b"\0" * 14 + b"\1"),
        (0, 10, b"\0" * 10 + b"\xff\xff\n\x60\0\n"),
    ]:
        ends = b"\xc0\0\0\x35" + bytes(16) + peer + struct.pack("=III", 0, 7, 0)
        payload = struct.pack("=BBBB", family, 1, 0, 0) + ends + bytes(20)
        yield "netlink-sockets", bytes([bit]) + message(20, payload)


def routes():
    # Of any kind, as the kernel may have no dummy links.
    run(["ip", "link", "add", "fairlead", "type", "veth", "peer", "name", "other"])
    run(["ip", "link", "set", "fairlead", "up"])
    run(["ip", "address", "add", "192.0.2.1/32", "dev", "fairlead"])
    run(["ip", "address", "add", "2001:db8::1/128", "dev", "fairlead", "nodad"])
    run(["ip", "route", "add", "local", "192.0.2.64/26", "dev", "lo", "proto", "70"])
    links = list(dump(NETLINK_ROUTE, 18, struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0)))
    for bit, family in [(0, socket.AF_INET), (1, socket.AF_INET6)]:
        addresses = dump(NETLINK_ROUTE, 22, struct.pack("=BBBBI", family, 0, 0, 0, 0))
        ranges = dump(NETLINK_ROUTE, 26, struct.pack("=BBBBBBBBI", family, *[0] * 8))
        for datagram in [*links, *addresses, *ranges, links[0] + links[-1]]:
            yield "netlink-routes", bytes([bit]) + datagram


def sets():
    for choice, (kind, parts) in enumerate([
        ("hash:ip", [(1, None)]),
        ("hash:ip,port", [(1, None), (4, b"\0\x50"), (7, b"\6")]),
        ("hash:ip,port,net", [(1, None), (4, b"\0\x50"), (7, b"\6"), (20, None), (21, b"\x18")]),
        ("bitmap:port", [(4, b"\0\x50"), (31, b"\0\0\0\1\xff\xff\xff\xff")]),
    ]):
        for bit, address in [(0, attribute(1, b"\n\0\0\1")), (1, attribute(2, b"\xfd" + b"\0" * 15))]:
            entry = [attribute(kind, [address] if value is None else value) for kind, value in parts]
            head = attribute(7, [attribute(8, struct.pack(">I", 16))])
            payload = struct.pack(">BBH", 2, 0, 0) + head + attribute(8, [attribute(7, entry)])
            yield "netlink-ipset", bytes([bit | choice << 1]) + message(6 << 8 | 7, payload)
    header = (
        b"Name: fairlead-4-cluster\nType: hash:ip,port\nRevision: 7\n"
        b"Header: family inet hashsize 1024 maxelem 65536 skbinfo bucketsize 12 initval 0x1\n"
        b"Size in memory: 216\nReferences: 0\nNumber of entries: 3\n"
    )
    yield "ipset-header", header
    yield "ipset-header", header + b"\n" + header
    yield "ipset-header", b"Name: p\nType: bitmap:port\nHeader: range 0-65535\n"


def servers():
    for bit, family, address in [(0, 2, b"\n\0\0\1" + b"\0" * 12), (1, 10, b"\xfd" + b"\0" * 15)]:
        af = struct.pack("=H", family)
        service = [
            attribute(1, af), attribute(2, struct.pack("=H", 6)), attribute(3, address),
            attribute(4, b"\0\x50"), attribute(6, b"rr\0"), attribute(7, struct.pack("=II", 2, ~0 & 0xffffffff)),
            attribute(8, struct.pack("=I", 0)), attribute(12, [
                attribute(kind, struct.pack("=Q", kind)) for kind in range(1, 11)
            ]),
        ]
        server = [attribute(11, af), attribute(1, address), attribute(2, b"\x1f\x90")]
        server += [attribute(kind, struct.pack("=I", kind)) for kind in range(3, 10)]
        mark = [attribute(1, af), attribute(5, struct.pack("=I", 7)), attribute(6, b"wrr\0")]
        for kind, content in [(1, service), (1, mark), (2, server)]:
            payload = struct.pack("=BBH", 1, 1, 0) + attribute(kind, content)
            yield "netlink-ipvs", bytes([bit]) + message(30, payload)


def flows():
    for bit, family, names, width in [(0, 2, (1, 2), 4), (1, 10, (3, 4), 16)]:
        def tuple_of(kind, source, destination):
            addresses = [
                attribute(name, bytes([end]) * width) for name, end in zip(names, (source, destination))
            ]
            ports = [attribute(1, b"\x11"), attribute(2, b"\0\x35"), attribute(3, b"\0\x35")]
            return attribute(kind, [attribute(1, addresses), attribute(2, ports)])
        payload = struct.pack(">BBH", family, 0, 0) + tuple_of(1, 10, 20) + tuple_of(2, 30, 10)
        payload += attribute(12, b"\0\0\0\7") + attribute(18, b"\0\0")
        yield "netlink-conntrack", bytes([bit]) + message(1 << 8, payload)


def refusals():
    """NLMSG_ERROR with the text and the offset of an extended acknowledgement."""
    payload = struct.pack("=i", -22) + struct.pack("=IHHII", 20, 16, 5, 1, 0)
    payload += attribute(1, b"no such chain\0") + attribute(2, struct.pack("=I", 24))
    for kind in 2, 3:
        yield "netlink-refusal", b"\0" + message(kind, payload, 0x200)


def tables(skeleton):
    library = ctypes.CDLL(None, use_errno=True)
    for family, suffix, level, tool in [
        (socket.AF_INET, "ipv4", socket.IPPROTO_IP, "iptables"),
        (socket.AF_INET6, "ipv6", socket.IPPROTO_IPV6, "ip6tables"),
    ]:
        plan = f"iptables.IPv{suffix[-1]}.plan"
        address = "10.0.0.1" if suffix == "ipv4" else "fd00::1"
        port = f"{address}:80" if suffix == "ipv4" else f"[{address}]:80"
        run([f"{tool}-legacy-restore"], (skeleton / plan).read_text())
        run([f"{tool}-legacy-restore", "--noflush"], f"""*nat
:FAIRLEAD-X - [0:0]
-A FAIRLEAD-X -m statistic --mode random --probability 0.5 -j RETURN
-A FAIRLEAD-X -m recent --name a --update --seconds 9 --reap -m comment --comment b -j RETURN
-A FAIRLEAD-X -i eth0+ ! -s {address} -p tcp -m tcp --dport 80:90 -j DNAT --to-destination {port}
-A FAIRLEAD-X -p udp -m udp --dport 53 -m mark --mark 1/1
COMMIT
""")
        with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            def ask(option, buffer):
                size = ctypes.c_uint(len(buffer))
                if library.getsockopt(raw.fileno(), level, option, buffer, ctypes.byref(size)):
                    raise OSError(ctypes.get_errno(), f"getsockopt {option}")
            for table in b"filter", b"nat":
                # IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES
                info = ctypes.create_string_buffer(table, 84)
                ask(64, info)
                hooks, *offsets, entries, size = struct.unpack_from("=I10III", info, 32)
                content = ctypes.create_string_buffer(40 + size)
                struct.pack_into("=32sI", content, 0, table, size)
                ask(65, content)
                yield f"legacy-table-{suffix}", (
                    struct.pack("=II10I", hooks, entries, *offsets) + content.raw[40:]
                )


def seeds(skeleton):
    yield from routes()
    yield from nftables(skeleton)
    yield from elements()
    yield from foreign_rules()
    yield from sockets()
    yield from sets()
    yield from servers()
    yield from flows()
    yield from refusals()
    yield from tables(skeleton)
