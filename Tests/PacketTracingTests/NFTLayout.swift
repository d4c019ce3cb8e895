import Addressing
import DataplaneModel

/// Services as nftables mode lays them out: elements of sets, and a constant number of chains.
///
/// Pods are 10.244.0.0/16, Services 10.96.0.0/12, the node is 192.0.2.1 and 10.244.1.0/24 is here.
struct NFTLayout {
    var made = HandMadeNFT()
    private static let bit: UInt32 = 0x4000
    private static let pods = "10.244.0.0/16"

    init() {
        addSets()
        addBaseChains()
        addServiceChains()
        addLocalChains()
        addRefusals()
    }

    // MARK: - Services

    /// A list of endpoints, one for each slot; kind 0 is random, 1 in turn, 2 and 3 hash. The
    /// result is the value of its frontends.
    mutating func list(
        _ number: UInt32,
        kind: UInt32 = 0,
        title: String? = nil,
        _ slots: [String]
    ) -> UInt32 {
        let identifier = number << 14
        let balancer = kind << 12 | UInt32(slots.count)
        made.titles[identifier] = title
        for (index, endpoint) in slots.enumerated() {
            made.put(.slot(identifier, UInt32(index), endpoint), into: "endpoints")
            addHairpin(endpoint)
        }
        let name = "\(["random", "rr", "sh", "mh"][Int(kind)])-\(slots.count)"
        made.put(.judge(balancer, .go(name)), into: "balancers")
        let count = UInt32(slots.count)
        let slot: NFTExpression =
            switch kind {
            case 0: .random(count)
            case 1: .roundRobin(count)
            case 2: .hash([.address(.source)], modulus: count, seed: 1)
            default: .hash([.address(.source), .port(.source)], modulus: count, seed: 1)
            }
        made.chain(
            name,
            NFTRule(.maskPriority(0xffff_c000)),
            NFTRule(.anyTransport, .dnat(by: "endpoints", .priority, slot))
        )
        return identifier | balancer
    }

    mutating func addHairpin(_ endpoint: String) {
        let address = socket(endpoint).address
        made.put(NFTElement(NFTValue().appending(address).appending(address)), into: "hairpin")
    }

    /// Also makes the address one whose other ports are refused.
    mutating func clusterIP(_ frontend: String, _ value: UInt32? = nil) {
        made.put(.address(socket(frontend).address.description), into: "cluster-addresses")
        if let value { made.put(.frontend(frontend, value), into: "cluster-ips") }
    }

    mutating func allow(_ frontend: String, from ranges: String...) {
        made.put(.frontend(frontend), into: "guarded")
        for range in ranges {
            let key = NFTValue(socket(frontend), .tcp).appending(prefix(range))
            made.put(NFTElement(key), into: "allowed")
        }
    }

    // MARK: - The table

    private mutating func addSets() {
        let toClass = NFTSetShape.Mapping.fields([.classID])
        for name in ["cluster-ips", "external-ips", "outside-ips", "inside-ips"] {
            made.set(name, .frontend, to: toClass, title: "frontends")
        }
        for name in ["external-ports", "outside-ports", "inside-ports"] {
            made.set(name, .nodePort, to: toClass, title: "node ports")
        }
        made.set("local-ips", .frontend)
        made.set("local-ports", .nodePort)
        made.set("guarded", .frontend, title: "only for some sources")
        made.set("allowed", .frontend + [.address], isInterval: true)
        made.set("rejected", .frontend, title: "without any endpoint")
        made.set("dropped", .frontend, title: "endpoints elsewhere only")
        made.set("rejected-ports", .nodePort, title: "without any endpoint")
        made.set("dropped-ports", .nodePort, title: "endpoints elsewhere only")
        made.set("cluster-addresses", [.address], title: "ClusterIPs")
        made.set("balancers", [.classID], to: .verdict, title: "by kind and number of slots")
        made.set("affinity", [.classID], to: .verdict)
        made.set("endpoints", [.classID, .number], to: .fields([.address, .port]))
        made.set("choices", [.classID, .number], to: toClass)
        made.set("numbers", [.classID], to: .fields([.address, .port]))
        made.set("hairpin", [.address, .address])
    }

    private mutating func addBaseChains() {
        let guarding = NFTRule(.connectionState(.new), .jump("guard"))
        let refusing = NFTRule(.connectionState(.new), .jump("refuse"))
        made.base("guard-prerouting", .filter, .prerouting, -110, guarding)
        made.base("guard-output", .filter, .output, -110, guarding)
        made.nat(NFTRule(.jump("services")))
        made.base("filter-input", .filter, .input, 0, refusing)
        made.base("filter-forward", .filter, .forward, 0, refusing)
        made.base("filter-output", .filter, .output, 0, refusing)
        made.base(
            "nat-postrouting",
            .nat,
            .postrouting,
            100,
            NFTRule(.translated, .setPriority(0)),
            NFTRule(
                .translated,
                .isIn("hairpin", .address(.source), .address(.destination)),
                .masquerade,
                title: "an endpoint that reaches itself"
            ),
            NFTRule(.mark(PacketMark(bit: Self.bit)), .clearMarkBits(Self.bit), .masquerade)
        )
        made.chain(
            "guard",
            title: "load-balancer source ranges",
            NFTRule(.contained(.frontend, in: NFTSetName("guarded")), .go("guarded"))
        )
        made.chain(
            "guarded",
            title: "only from the source ranges",
            NFTRule(
                .contained(.frontend + [.address(.source)], in: NFTSetName("allowed")),
                .leave
            ),
            NFTRule(.drop)
        )
    }

    private func lead(_ key: [NFTExpression], _ map: String, to chain: String) -> NFTRule {
        NFTRule(.setPriorityFromMap(key, NFTSetName(map)), .go(chain))
    }

    private mutating func addServiceChains() {
        let mark = NFTRule(.setMarkBits(Self.bit))
        made.chain(
            "services",
            title: "every Service address, then node ports",
            lead(.frontend, "cluster-ips", to: "cluster-ip"),
            lead(.frontend, "external-ips", to: "external"),
            NFTRule(.contained(.frontend, in: NFTSetName("local-ips")), .go("local")),
            NFTRule(
                .isLocal(.destination),
                .address(.destination, prefix("127.0.0.0/8"), inverted: true),
                .jump("node-ports")
            )
        )
        made.chain(
            "cluster-ip",
            title: "local pods keep their source",
            NFTRule(.from(Self.pods), .go("balance")),
            mark,
            NFTRule(.go("balance"))
        )
        made.chain("external", mark, NFTRule(.go("balance")))
        made.chain(
            "balance",
            NFTRule(.judge(by: "balancers", .maskedPriority(0x3fff))),
            NFTRule(.judge(by: "affinity", .priority))
        )
        made.chain(
            "node-ports",
            lead(.nodePort, "external-ports", to: "external"),
            NFTRule(.contained(.nodePort, in: NFTSetName("local-ports")), .go("local-port"))
        )
    }

    private mutating func addLocalChains() {
        for (chain, suffix, key) in [
            ("local", "ips", [NFTExpression].frontend), ("local-port", "ports", .nodePort),
        ] {
            let inside = "inside-\(suffix)-chain"
            made.chain(
                chain,
                NFTRule(.from(Self.pods), .go(inside)),
                NFTRule(.isLocal(.source), .setMarkBits(Self.bit), .go(inside)),
                lead(key, "outside-\(suffix)", to: "balance")
            )
            made.chain(inside, lead(key, "inside-\(suffix)", to: "balance"))
        }
    }

    private mutating func addRefusals() {
        let notHere = NFTStatement.isLocal(.destination, inverted: true)
        made.chain(
            "refuse",
            title: "what no endpoint took",
            NFTRule(.contained(.frontend, in: NFTSetName("rejected")), .reject),
            NFTRule(.contained(.frontend, in: NFTSetName("dropped")), .drop),
            NFTRule(.isIn("cluster-addresses", .address(.destination)), notHere, .reject),
            NFTRule(.to("10.96.0.0/12"), notHere, .drop, title: "no Service has this address"),
            NFTRule(.isLocal(.destination), .jump("refuse-ports"))
        )
        made.chain(
            "refuse-ports",
            NFTRule(.contained(.nodePort, in: NFTSetName("rejected-ports")), .reject),
            NFTRule(.contained(.nodePort, in: NFTSetName("dropped-ports")), .drop)
        )
    }
}
