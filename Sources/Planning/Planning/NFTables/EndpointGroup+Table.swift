import Addressing
import DataplaneModel

extension EndpointGroup {
    /// The elements that lead from the group's identifier to its endpoints.
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
        let count = GroupValue.maximumEndpoint
        for endpoint in endpoints.sorted() {
            var number = UInt32(Mix64.number(of: endpoint, salt: 3) % UInt64(count)) + 1
            while !taken.insert(number).inserted { number = number % count + 1 }
            result[endpoint] = GroupValue(group: self.number, endpoint: number).rawValue
        }
        return result
    }

    // MARK: - Session affinity

    private var affinityChainName: NFTChainName { NFTChainName("affinity-\(number)") }
    private var knownChainName: NFTChainName { NFTChainName("known-\(number)") }
    private var clientsName: NFTSetName { NFTSetName("clients-\(number)") }

    /// The clients and the numbers of their endpoints; the kernel fills it.
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
