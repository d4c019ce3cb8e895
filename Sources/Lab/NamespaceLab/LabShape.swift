package import Addressing

/// The layout of a lab. The lab's name is in the name of each of its objects, so that these can be
/// recognized by their names alone.
package struct LabShape: Sendable, Equatable {
    /// How a node's pods are attached, and how nodes reach each other's.
    package enum Topology: String, Sendable, CaseIterable {
        /// A bridge on each node, and routes over the nodes' own network.
        case bridge
        /// A route for each pod, no bridge; the node answers for the gateway.
        case routed
        /// A bridge on each node, and a tunnel between the nodes.
        case vxlan
    }

    package static let nodeLimit = 4
    package static let podLimit = 16
    package static let defaultName = "lab"

    package let name: String
    package let topology: Topology
    package let nodes: Int
    package let podsPerNode: Int
    /// At least one, IPv4 first.
    package let families: [IPFamily]

    /// Throws for a name that `check` refuses, no family, and numbers of nodes or pods beyond the
    /// limits.
    package init(
        name: String = Self.defaultName,
        topology: Topology = .bridge,
        nodes: Int = 1,
        podsPerNode: Int = 3,
        families: [IPFamily] = IPFamily.allCases
    ) throws(LabError) {
        try Self.check(name: name)
        guard (1...Self.nodeLimit).contains(nodes) else {
            throw LabError("\(nodes) nodes: a lab has 1 to \(Self.nodeLimit)")
        }
        guard (1...Self.podLimit).contains(podsPerNode) else {
            throw LabError("\(podsPerNode) pods: a lab's node has 1 to \(Self.podLimit)")
        }
        guard !families.isEmpty else { throw LabError("a lab needs an address family") }
        self.name = name
        self.topology = topology
        self.nodes = nodes
        self.podsPerNode = podsPerNode
        self.families = families.sorted()
    }

    /// Throws unless a name is one to twelve lower-case letters and digits. Without a dash no name's
    /// prefix begins another's.
    package static func check(name: String) throws(LabError) {
        let isPlain = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        guard isPlain, (1...12).contains(name.utf8.count) else {
            throw LabError("\"\(name)\" is not a name for a lab: 1 to 12 of a-z and 0-9")
        }
    }

    // MARK: - Names

    /// What the names of a lab's namespaces begin with.
    package static func prefix(_ name: String) -> String { "fl-\(name)-" }

    package func namespace(_ member: String) -> String { Self.prefix(name) + member }

    package func node(_ number: Int) -> String { namespace("node\(number)") }

    package func pod(_ number: Int) -> String { namespace("pod\(number)") }

    package var client: String { namespace("client") }

    /// The switch of the nodes and the client.
    package var network: String { namespace("net") }

    package var nodeNumbers: ClosedRange<Int> { 1...nodes }

    /// All pods, node by node.
    package var pods: [LabPod] {
        nodeNumbers.flatMap { node in
            (1...podsPerNode).map {
                LabPod(number: (node - 1) * podsPerNode + $0, node: node, index: $0)
            }
        }
    }

    package func pods(onNode node: Int) -> [LabPod] { pods.filter { $0.node == node } }

    /// All but the switch, as commands name them.
    package var members: [String] {
        nodeNumbers.map { "node\($0)" } + pods.map(\.name) + ["client"]
    }

    package var namespaces: [String] {
        [network] + nodeNumbers.map(node) + pods.map { pod($0.number) } + [client]
    }
}

/// A pod of a lab.
package struct LabPod: Sendable, Equatable {
    /// Counts from 1 through the whole lab.
    package let number: Int
    package let node: Int
    /// Counts from 1 on its node.
    package let index: Int

    package var name: String { "pod\(number)" }

    package func address(_ family: IPFamily) -> String {
        LabAddresses.pod(index, family, node: node)
    }
}

extension LabShape: CustomStringConvertible, LosslessStringConvertible {
    /// The shape on one line: `lab bridge 2 3 IPv4 IPv6`.
    package var description: String {
        ([name, topology.rawValue, "\(nodes)", "\(podsPerNode)"] + families.map(\.rawValue))
            .joined(separator: " ")
    }

    package init?(_ description: String) {
        let words = description.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count > 4, let topology = Topology(rawValue: words[1]),
            let nodes = Int(words[2]), let pods = Int(words[3])
        else { return nil }
        let families = words[4...].compactMap { IPFamily(rawValue: $0) }
        guard families.count == words.count - 4,
            let shape = try? LabShape(
                name: words[0],
                topology: topology,
                nodes: nodes,
                podsPerNode: pods,
                families: families
            )
        else { return nil }
        self = shape
    }
}
