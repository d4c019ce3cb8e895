import Addressing
import DataplaneModel

extension BalancingList {
    /// Slot numbers are behind these bits of a frontend's value.
    static let identifierMask: UInt32 = 0xffff_c000

    /// The chain that chooses one of so many slots and translates; shared by all lists of the same
    /// kind and number of slots.
    static func chain(_ balancer: UInt32) -> NFTChain {
        let kind = Kind(rawValue: balancer >> 12) ?? .random
        let count = balancer & 0xfff
        func translate(_ slot: NFTExpression) -> NFTRule {
            NFTRule(
                .transports(TransportProtocol.allCases),
                .destinationNAT([.priority, slot], TableSet.endpoints.name)
            )
        }
        var rules = [NFTRule(.maskPriority(identifierMask)), translate(kind.slot(of: count))]
        if count > 1 {
            // A packet may have seen the number of slots from before a change, and look for its
            // slot behind it. The first one is always there.
            rules.append(translate(.random(1)))
        }
        return NFTChain(
            chainName(balancer),
            rules: rules,
            title: "one of \(count) slots: \(kind.title)"
        )
    }

    static func chainName(_ balancer: UInt32) -> NFTChainName {
        let kind = Kind(rawValue: balancer >> 12) ?? .random
        return NFTChainName("\(kind.word)-\(balancer & 0xfff)")
    }

    /// The elements that lead from the list's identifier to its endpoints.
    var elements: [(set: TableSet, element: NFTElement)] {
        guard affinityTimeoutSeconds != nil else {
            return slots.enumerated().map { index, endpoint in
                let key = NFTValue(identifier, UInt32(index))
                return (.endpoints, NFTElement(key, .value(NFTValue(endpoint))))
            }
        }
        let numbers = endpointNumbers
        var result: [(set: TableSet, element: NFTElement)] = numbers.map { endpoint, number in
            (.numbers, NFTElement(NFTValue(number), .value(NFTValue(endpoint))))
        }
        for (index, endpoint) in slots.enumerated() {
            let key = NFTValue(identifier, UInt32(index))
            let number = numbers[endpoint] ?? identifier
            result.append((.choices, NFTElement(key, .value(NFTValue(number)))))
        }
        let verdict = NFTData.verdict(.goto(affinityChainName))
        result.append((.affinity, NFTElement(NFTValue(identifier), verdict)))
        return result
    }

    /// A number for each endpoint that stays while the endpoint does: it is what the kernel
    /// remembers of a client.
    private var endpointNumbers: [SocketAddress: UInt32] {
        var taken: Set<UInt32> = []
        var result: [SocketAddress: UInt32] = [:]
        for endpoint in endpoints.sorted() {
            var number = UInt32(Mix64.number(of: endpoint, salt: 3) % 0x3fff) + 1
            while !taken.insert(number).inserted { number = number % 0x3fff + 1 }
            result[endpoint] = identifier | number
        }
        return result
    }

    // MARK: - Session affinity

    private var affinityChainName: NFTChainName { NFTChainName("affinity-\(number)") }
    private var knownChainName: NFTChainName { NFTChainName("known-\(number)") }
    private var clientsName: NFTSetName { NFTSetName("clients-\(number)") }

    /// Who has which endpoint; the kernel fills it.
    var affinitySet: NFTSet? {
        guard affinityTimeoutSeconds != nil else { return nil }
        return NFTSet(
            clientsName,
            NFTSetShape([.address], mapping: .fields([.classID]), isDynamic: true),
            size: 65536,
            title: "\(key.port): clients and the numbers of their endpoints"
        )
    }

    /// A client that is known goes to its endpoint if that is still there; else one is chosen, and
    /// remembered. None without affinity.
    var affinityChains: [NFTChain] {
        guard let seconds = affinityTimeoutSeconds else { return [] }
        let remember = NFTStatement.update(
            clientsName,
            key: [.address(.source)],
            data: .priority,
            timeoutSeconds: seconds
        )
        return [
            NFTChain(
                affinityChainName,
                rules: [
                    NFTRule(
                        .setPriorityFromMap([.address(.source)], clientsName),
                        .verdict(.jump(knownChainName))
                    ),
                    NFTRule(.setPriority(identifier)),
                    NFTRule(
                        .setPriorityFromMap(
                            [.priority, .random(UInt32(slots.count))],
                            TableSet.choices.name
                        )
                    ),
                    NFTRule(remember), NFTRule(.verdict(.goto(TableChains.toNumber))),
                ],
                title: "\(key.port): clients keep their endpoint"
            ),
            NFTChain(
                knownChainName,
                rules: [
                    NFTRule(remember), NFTRule(.verdict(.jump(TableChains.toNumber))),
                    // An update leaves the value as it is.
                    NFTRule(
                        .delete(clientsName, key: [.address(.source)], data: .priority),
                        title: "its endpoint is gone"
                    ),
                ],
                title: "\(key.port): a client that was here before"
            ),
        ]
    }
}

extension BalancingList.Kind {
    fileprivate func slot(of count: UInt32) -> NFTExpression {
        switch self {
        case .random: .random(count)
        case .roundRobin: .roundRobin(count)
        case .hashedAddress: .hash([.address(.source)], modulus: count, seed: Self.seed)
        case .hashedAddressAndPort:
            .hash([.address(.source), .port(.source)], modulus: count, seed: Self.seed)
        }
    }

    /// The same on every node, so that all of them send a client to the same endpoint.
    private static let seed: UInt32 = 0x6661_6972

    fileprivate var title: String {
        switch self {
        case .random: "at random"
        case .roundRobin: "in turn"
        case .hashedAddress: "by the client's address"
        case .hashedAddressAndPort: "by the client's address and port"
        }
    }
}
