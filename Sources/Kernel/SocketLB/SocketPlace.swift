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

/// The files of one family below `SocketPlace.directory`. Their names are those of maps and programs.
struct PinDirectory: Sendable {
    let path: String

    init(_ directory: String, _ family: IPFamily) {
        path = "\(directory)/\(family == .ipv4 ? "ipv4" : "ipv6")"
    }

    var maps: String { "\(path)/maps" }
    var programs: String { "\(path)/programs" }
    var links: String { "\(path)/links" }

    func pin(of map: SocketMapName) -> String { "\(maps)/\(map.rawValue)" }
    func program(of hook: SocketHook) -> String { "\(programs)/\(hook.program)" }
    func link(of hook: SocketHook) -> String { "\(links)/\(hook.program)" }

    /// Where something stands until it takes the place of what is pinned.
    static func next(to pin: String) -> String { "\(pin).new" }
}
