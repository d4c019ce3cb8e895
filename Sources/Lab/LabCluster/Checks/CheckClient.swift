package import Addressing
package import NamespaceLab

/// A client of a check.
package enum CheckClient: Sendable, Hashable {
    case pod(Int)
    case node(Int)
    case outside

    /// As commands name it.
    package var name: String {
        switch self {
        case .pod(let number): "pod\(number)"
        case .node(let number): "node\(number)"
        case .outside: "client"
        }
    }

    /// Where it runs; nil outside the nodes.
    func node(in shape: LabShape) -> Int? {
        switch self {
        case .pod(let number): shape.pods[number - 1].node
        case .node(let number): number
        case .outside: nil
        }
    }

    /// All addresses that a server may see it with, without masquerading.
    package func addresses(_ family: IPFamily, in shape: LabShape) -> Set<String> {
        switch self {
        case .pod(let number): [shape.pods[number - 1].address(family)]
        case .node(let number): LabAddresses.ofNode(number, family)
        case .outside: [LabAddresses.client(family)]
        }
    }

    /// The name of the client with this address; the address itself without one.
    static func named(_ address: String, _ family: IPFamily, in shape: LabShape) -> String {
        let all =
            shape.pods.map { CheckClient.pod($0.number) }
            + shape.nodeNumbers.map(CheckClient.node) + [.outside]
        return all.first { $0.addresses(family, in: shape).contains(address) }?.name ?? address
    }
}
