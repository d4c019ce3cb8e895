import Addressing
import CBPF

/// A program and the call where it is attached.
struct SocketHook: Sendable, Hashable {
    let program: String
    let call: bpf_attach_type

    private init(_ program: String, _ call: bpf_attach_type) {
        self.program = program
        self.call = call
    }

    static func == (left: SocketHook, right: SocketHook) -> Bool { left.program == right.program }

    func hash(into hasher: inout Hasher) { hasher.combine(program) }

    /// In the order in which they are attached: what shows the frontend comes before what takes it away.
    /// IPv4 has programs for its addresses on IPv6 sockets. The end of a socket comes first, so that none is
    /// remembered whose end nothing sees.
    static func all(_ family: IPFamily, _ transports: Set<TransportProtocol>) -> [SocketHook] {
        all(family).filter { transports.contains(.udp) || !$0.isForDatagrams }
    }

    static func all(_ family: IPFamily) -> [SocketHook] {
        switch family {
        case .ipv4:
            [
                SocketHook("fl_release", BPF_CGROUP_INET_SOCK_RELEASE),
                SocketHook("fl_getpeer4", BPF_CGROUP_INET4_GETPEERNAME),
                SocketHook("fl_getpeer6_v4", BPF_CGROUP_INET6_GETPEERNAME),
                SocketHook("fl_recvmsg4", BPF_CGROUP_UDP4_RECVMSG),
                SocketHook("fl_recvmsg6_v4", BPF_CGROUP_UDP6_RECVMSG),
                SocketHook("fl_sendmsg4", BPF_CGROUP_UDP4_SENDMSG),
                SocketHook("fl_connect4", BPF_CGROUP_INET4_CONNECT),
                SocketHook("fl_connect6_v4", BPF_CGROUP_INET6_CONNECT),
            ]
        case .ipv6:
            [
                SocketHook("fl_release", BPF_CGROUP_INET_SOCK_RELEASE),
                SocketHook("fl_getpeer6", BPF_CGROUP_INET6_GETPEERNAME),
                SocketHook("fl_recvmsg6", BPF_CGROUP_UDP6_RECVMSG),
                SocketHook("fl_sendmsg6", BPF_CGROUP_UDP6_SENDMSG),
                SocketHook("fl_connect6", BPF_CGROUP_INET6_CONNECT),
            ]
        }
    }

    /// Whether the program finds endpoints.
    var isLookingUp: Bool {
        switch call {
        case BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_UDP4_SENDMSG,
            BPF_CGROUP_UDP6_SENDMSG:
            true
        default: false
        }
    }

    /// The call's name in the tools of the kernel.
    var callName: String {
        switch call {
        case BPF_CGROUP_INET4_GETPEERNAME: "getpeername4"
        case BPF_CGROUP_INET6_GETPEERNAME: "getpeername6"
        case BPF_CGROUP_UDP4_RECVMSG: "recvmsg4"
        case BPF_CGROUP_UDP6_RECVMSG: "recvmsg6"
        case BPF_CGROUP_UDP4_SENDMSG: "sendmsg4"
        case BPF_CGROUP_UDP6_SENDMSG: "sendmsg6"
        case BPF_CGROUP_INET4_CONNECT: "connect4"
        case BPF_CGROUP_INET_SOCK_RELEASE: "sock_release"
        default: "connect6"
        }
    }

    private var isForDatagrams: Bool {
        switch call {
        case BPF_CGROUP_UDP4_RECVMSG, BPF_CGROUP_UDP6_RECVMSG, BPF_CGROUP_UDP4_SENDMSG,
            BPF_CGROUP_UDP6_SENDMSG, BPF_CGROUP_INET_SOCK_RELEASE:
            true
        default: false
        }
    }
}
