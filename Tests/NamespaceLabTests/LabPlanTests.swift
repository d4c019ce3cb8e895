import Addressing
import NamespaceLab
import Testing

/// Names and commands, before anything is run.
@Suite("LabPlan")
struct LabPlanTests {
    @Test(
        "A lab has no more than there is room for",
        arguments: ["", "Lab", "a-b", "../x", "a b", "thirteenchars"]
    )
    func names(_ name: String) {
        #expect(throws: LabError.self) { try LabShape(name: name) }
    }

    @Test("Numbers are bounded")
    func bounds() {
        #expect(throws: LabError.self) { try LabShape(nodes: 5) }
        #expect(throws: LabError.self) { try LabShape(nodes: 0) }
        #expect(throws: LabError.self) { try LabShape(podsPerNode: 17) }
        #expect(throws: LabError.self) { try LabShape(families: []) }
    }

    @Test("A shape is read back from its text", arguments: LabShape.Topology.allCases)
    func text(_ topology: LabShape.Topology) throws {
        let shape = try LabShape(name: "a1", topology: topology, nodes: 3, families: [.ipv6])
        #expect(LabShape("\(shape)") == shape)
        #expect(LabShape("a1 ring 3 3 IPv6") == nil)
        #expect(LabShape("a1 bridge 3 3 IPv6 IPX") == nil)
        #expect(LabShape("a1 bridge 9 3 IPv6") == nil)
    }

    @Test("Only namespaces are made on the host", arguments: LabShape.Topology.allCases)
    func host(_ topology: LabShape.Topology) throws {
        let shape = try LabShape(
            name: "abcdefghijkl",
            topology: topology,
            nodes: 4,
            podsPerNode: 16
        )
        let steps = LabPlan(shape).steps
        #expect(!steps.isEmpty)
        for step in steps where step.namespace == nil {
            #expect(step.words.hasPrefix("netns add fl-abcdefghijkl-"))
        }
        // A kernel takes no longer names.
        let links = steps.filter { $0.words.hasPrefix("link add ") }.map {
            $0.words.split(separator: " ")[2]
        }
        #expect(links.allSatisfy { $0.utf8.count <= 15 })
        #expect(steps.allSatisfy { !$0.why.isEmpty && $0.why.hasSuffix(".") })
    }

    @Test("A lab of one family has no address of the other", arguments: IPFamily.allCases)
    func family(_ family: IPFamily) throws {
        for topology in LabShape.Topology.allCases {
            let shape = try LabShape(topology: topology, nodes: 2, families: [family])
            for step in LabPlan(shape).steps where step.words.hasPrefix("address add") {
                #expect(step.words.contains(":") == (family == .ipv6))
            }
        }
    }

    @Test("The module is loaded where bridges need it, and only there")
    func module() throws {
        func commands(_ topology: LabShape.Topology) throws -> [String] {
            let shape = try LabShape(topology: topology)
            return LabPlan(shape, loadsBridgeNetfilter: true).steps.map(\.command)
        }
        #expect(try commands(.bridge).first == "modprobe br_netfilter")
        #expect(try !commands(.routed).contains("modprobe br_netfilter"))
    }

    @Test("Pods have addresses of their own, in the canonical form")
    func addresses() throws {
        let shape = try LabShape(nodes: 4, podsPerNode: 16)
        for family in IPFamily.allCases {
            let addresses = shape.pods.map { $0.address(family) }
            #expect(Set(addresses).count == 64)
            #expect(addresses.allSatisfy { IPAddress($0)?.description == $0 })
        }
    }
}
