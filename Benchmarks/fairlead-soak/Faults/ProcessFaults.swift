import Glibc
import SoakJudging
import TestSupport

/// The daemon is killed at a moment by the clock, and started again.
struct Kill: SoakFault {
    let name = "kill -9"
    let touches: Set<Touched> = [.process]
    let endsProcess = true

    func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        node.cluster.change(&random)
        usleep(.random(in: 0..<30_000, using: &random))
        try node.daemon.restart(by: SIGKILL)
    }
}

/// The daemon is asked to end, and started again.
struct Restart: SoakFault {
    let name = "restart"
    let touches: Set<Touched> = [.process]
    let endsProcess = true

    func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        try node.daemon.restart(by: SIGTERM)
    }
}

/// The configuration changes, and the daemon is told.
struct Reload: SoakFault {
    let name = "reload"
    let touches: Set<Touched> = [.configuration]

    func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        try node.configure(masqueradesAll: !node.masqueradesAll)
        // As a service manager, which tells a process only once it has said that it runs.
        try node.daemon.waitUntilItListens(to: SIGHUP)
        node.daemon.signal(SIGHUP)
    }
}

/// The daemon comes back in another mode, and later in its own again.
struct ModeSwitched: SoakFault {
    let name = "mode switched"
    let touches: Set<Touched> = [
        .process, .configuration, .tables, .lock, .server, .limits, .state,
    ]
    let endsProcess = true
    let lasts: ClosedRange<Double>? = 2...6
    let limit = 30.0
    private var own = SoakMode.nftables

    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        own = node.mode
        // The kernel with IPVS has no nftables, and others may have no IPVS.
        let modes: [SoakMode] = Machine.isOwn ? [.iptables, .ipvs] : [.iptables, .nftables]
        let others = modes.filter { $0 != own }
        try switchTo(others.randomElement(using: &random) ?? own, node)
        // Changing again before the other mode serves would test less.
        guard try node.waitUntilRight(.seconds(60)) != nil else {
            throw SoakFailure("the other mode is not in force:\n\(node.difference())")
        }
    }

    mutating func end(_ node: SoakNode) throws {
        try switchTo(own, node)
    }

    private func switchTo(_ mode: SoakMode, _ node: SoakNode) throws {
        try node.configure(mode: mode)
        try node.daemon.restart(by: SIGTERM)
    }
}

struct SoakFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
