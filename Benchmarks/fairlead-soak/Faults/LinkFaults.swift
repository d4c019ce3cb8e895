import Addressing
import NamespaceLab
import SoakJudging
import TestSupport

/// The node's interface is down for a while; nothing from outside can be answered.
struct LinkDown: SoakFault {
    let name = "interface down"
    let touches: Set<Touched> = [.links]
    let breaks = true
    let lasts: ClosedRange<Double>? = 1...3
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        try node.run("ip", "link", "set", "eth0", "down")
        let state = try node.run("ip", "-brief", "link", "show", "eth0")
        if state.contains("LOWER_UP") { miss = state }
    }

    func end(_ node: SoakNode) throws {
        try node.run("ip", "link", "set", "eth0", "up")
        try node.waitUntilPodsAreReached()
    }
}

/// The node's interface goes, and comes back with its addresses: to the node it is a new one.
struct InterfaceRemoved: SoakFault {
    let name = "interface removed"
    let touches: Set<Touched> = [.links, .addresses]
    let breaks = true
    let lasts: ClosedRange<Double>? = 1...3
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        // Where it keeps its other end.
        try node.run("ip", "link", "set", "eth0", "netns", node.lab.client, "name", "parked")
        let links = try node.run("ip", "-brief", "link")
        if links.contains("eth0") { miss = links }
    }

    func end(_ node: SoakNode) throws {
        try LabCommand.run(
            ["ip", "link", "set", "parked", "netns", node.lab.node, "name", "eth0"],
            in: node.lab.client
        )
        try node.keepAddressesWhenDown()
        try node.run("ip", "link", "set", "eth0", "up")
        for family in IPFamily.allCases {
            let address = LabAddresses.node(family) + (family == .ipv4 ? "/24" : "/64")
            let flags = family == .ipv4 ? [] : ["nodad"]
            try node.run(["ip", "address", "add", address, "dev", "eth0"] + flags)
        }
        try node.waitUntilPodsAreReached()
    }
}

/// Another program deletes the interface that has the Services' addresses in mode ipvs.
struct OwnLinkDeleted: SoakFault {
    let name = "own interface deleted"
    let touches: Set<Touched> = [.tables]
    let breaks = true
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        let links = try node.whileFrozen {
            try node.run("ip", "link", "delete", "fairlead0")
            return try node.run("ip", "-brief", "link")
        }
        if links.contains("fairlead0") { miss = links }
    }
}
