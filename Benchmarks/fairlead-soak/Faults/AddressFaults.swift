import Addressing
import KubernetesTestServer
import NamespaceLab
import SoakJudging
import TestSupport

/// The node gets other main addresses, which its Node object names, and later its own again. Node ports must answer
/// at the new ones meanwhile; nobody has a way through the old ones.
struct NodeMoved: SoakFault {
    let name = "node's address changed"
    let touches: Set<Touched> = [
        .links, .addresses, .server, .tables, .process, .lock, .limits, .state, .configuration,
        .conntrack,
    ]
    let breaks = true
    let lasts: ClosedRange<Double>? = 1...3

    func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        // Else other addresses of the network go with the first.
        try node.run("sysctl", "-qw", "net.ipv4.conf.eth0.promote_secondaries=1")
        try move(node, from: { LabAddresses.node($0) }, to: Self.other)
        node.cluster.placeNode(at: IPFamily.allCases.map { .known(Self.other($0)) })
        guard try node.waitUntilRight(.seconds(60)) != nil else {
            throw SoakFailure("the node's other addresses are not in force:\n\(node.difference())")
        }
        for family in IPFamily.allCases {
            let address = Self.other(family)
            let target = (family == .ipv6 ? "[\(address)]" : address) + ":30080/tcp"
            try node.waitUntilItAnswers(target, by: "pod")
        }
    }

    func end(_ node: SoakNode) throws {
        try move(node, from: Self.other, to: { LabAddresses.node($0) })
        node.cluster.placeNode(at: IPFamily.allCases.map { .known(LabAddresses.node($0)) })
        try node.waitUntilPodsAreReached()
    }

    private func move(
        _ node: SoakNode,
        from old: (IPFamily) -> String,
        to new: (IPFamily) -> String
    ) throws {
        for family in IPFamily.allCases {
            let length = family == .ipv4 ? "/24" : "/64"
            let flags = family == .ipv4 ? [] : ["nodad"]
            for (action, address, flags) in [
                ("add", new(family), flags), ("delete", old(family), []),
            ] {
                try LabCommand.run(
                    ["ip", "address", action, address + length, "dev", "eth0"] + flags,
                    in: node.lab.node
                )
            }
        }
    }

    private static func other(_ family: IPFamily) -> String {
        family == .ipv4 ? "192.0.2.55" : "2001:db8::55"
    }
}

extension SoakNode {
    /// Waits until a client from outside gets an answer that begins so.
    func waitUntilItAnswers(_ target: String, by server: String) throws {
        let deadline = Deadline(in: .seconds(20))
        while try !agent.connect(to: target, in: lab.client)[0].hasPrefix(server) {
            guard !deadline.hasPassed else { throw SoakFailure("\(target): no answer") }
        }
    }

    /// Waits until the neighbours are known again: to a pod itself, without any Service.
    func waitUntilPodsAreReached() throws {
        for family in IPFamily.allCases {
            let pod = LabAddresses.pod(1, family)
            let target = (family == .ipv6 ? "[\(pod)]" : pod) + ":8080/tcp"
            try waitUntilItAnswers(target, by: "pod1")
        }
    }
}
