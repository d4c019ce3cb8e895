package import Addressing

/// Where programs are attached and pinned, and whom they serve.
package struct SocketPlace: Sendable, Equatable {
    /// Which network namespaces are served.
    package enum Scope: Sendable {
        /// The node's alone.
        case node
        /// Pods' too.
        case all
    }

    /// A directory of the unified hierarchy; sockets of its processes are served.
    package var cgroup: String
    /// Directories of the unified hierarchy, or patterns of them as in a shell, whose processes are left to the rules,
    /// with those below.
    package var excludedCgroups: [String] = []
    /// On a bpf file system. Missing ones are made, readable by their owner alone.
    package var directory: String
    package var scope: Scope
    /// Programs for datagrams are attached only with UDP.
    package var transports: Set<TransportProtocol>

    package init(
        cgroup: String,
        directory: String = "/sys/fs/bpf/fairlead",
        scope: Scope,
        transports: Set<TransportProtocol> = [.tcp]
    ) {
        self.cgroup = cgroup
        self.directory = directory
        self.scope = scope
        self.transports = transports
    }
}
