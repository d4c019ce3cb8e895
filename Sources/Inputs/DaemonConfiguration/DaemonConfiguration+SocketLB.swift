package import Addressing
import AnnotatedYAML

extension DaemonConfiguration {
    /// Load balancing at `connect()`, beside the rules of any mode.
    package struct SocketLB: Sendable, Equatable {
        package var scope = Scope.off
        /// Never empty, never with SCTP.
        package var protocols: Set<TransportProtocol> = [.tcp]
        /// Nil for the root of the unified hierarchy.
        package var cgroup: String?
        /// Absolute paths, which may have the wildcards of a shell.
        package var excludeCgroups: [String] = []
        package var bpfDirectory = "/sys/fs/bpf/fairlead"

        /// Whose sockets are served.
        package enum Scope: String, Sendable, CaseIterable {
            case off
            /// Those in the node's network namespace.
            case node
            /// Pods' too.
            case all
        }

        static let section = ConfigurationField(
            section: "socketLB",
            """
            Load balancing at connect(), beside the rules of any mode: programs in the kernel exchange a
            Service's address for an endpoint's, so that no packet is translated. See docs/socket-lb.md.
            """,
            fields: [
                .live("scope", \.socketLB.scope, .choice).about(
                    """
                    off, node (processes in the node's own network namespace) or all (pods too). Needs CAP_BPF,
                    CAP_PERFMON and CAP_NET_ADMIN. off removes the programs; the rules go on serving.
                    """
                ),
                .live("protocols", \.socketLB.protocols, .socketProtocols)
                    .about("TCP, UDP or both: [TCP, UDP]. Others are left to the rules."),
                .restart("cgroup", \.socketLB.cgroup, .optionalPath).about(
                    """
                    The directory of cgroup v2 whose processes are served, with those in the directories below.
                    Empty: the root of the hierarchy, where it is mounted.
                    """
                ),
                .live("excludeCgroups", \.socketLB.excludeCgroups, .absolutePaths).about(
                    """
                    Directories of cgroup v2 whose processes are left to the rules, with those below: for sidecars
                    of a mesh and others that must see the Service's address. * stands for any part of a name.
                    """
                ),
                .restart("bpfDirectory", \.socketLB.bpfDirectory, .absolutePath).about(
                    """
                    Where programs and maps are pinned, on a bpf file system; a directory for each daemon, which
                    only its owner can change. Run `fairlead cleanup` before a change.
                    """
                ),
            ]
        )
    }
}

extension FieldFormat<Set<TransportProtocol>> {
    /// What the socket level knows.
    static var socketProtocols: Self {
        Self(
            "a list of TCP and UDP",
            { .list($0.sorted().map { .word($0.rawValue) }) },
            { (fields, name) throws(FieldError) in
                guard fields.value(name) != nil else { return nil }
                let protocols = try fields.distinct(name, "one of TCP, UDP") {
                    TransportProtocol(rawValue: $0).flatMap { $0 == .sctp ? nil : $0 }
                }
                guard !protocols.isEmpty else {
                    throw fields.error(name, "must name a protocol; scope: off switches it off")
                }
                return Set(protocols)
            }
        )
    }
}
