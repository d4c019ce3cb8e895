import Addressing
import DataplaneModel

extension NFTLayout {
    /// A list whose clients keep their endpoints; slots and numbers of the endpoints. The result is
    /// the value of its frontends.
    mutating func sticky(
        _ number: UInt32,
        seconds: UInt32 = 10800,
        title: String? = nil,
        _ endpoints: [String]
    ) -> UInt32 {
        let identifier = number << 14
        for (index, endpoint) in endpoints.enumerated() {
            let number = identifier | UInt32(index + 1)
            let slot = NFTValue(identifier, UInt32(index))
            made.put(NFTElement(slot, .value(NFTValue(number))), into: "choices")
            let data = NFTData.value(NFTValue(socket(endpoint)))
            made.put(NFTElement(NFTValue(number), data), into: "numbers")
            addHairpin(endpoint)
        }
        made.put(.judge(identifier, .go("affinity-\(number)")), into: "affinity")
        let clients = "clients-\(number)"
        made.set(clients, [.address], to: .fields([.classID]), isDynamic: true)
        let remember = NFTRule(
            .update(
                NFTSetName(clients),
                key: [.address(.source)],
                data: .priority,
                timeoutSeconds: seconds
            )
        )
        let translate = NFTRule(.anyTransport, .dnat(by: "numbers", .priority))
        made.chain(
            "affinity-\(number)",
            title: title,
            NFTRule(.priority(from: clients, .address(.source)), .jump("known-\(number)")),
            NFTRule(.setPriority(identifier)),
            NFTRule(.priority(from: "choices", .priority, .random(UInt32(endpoints.count)))),
            remember,
            translate
        )
        made.chain(
            "known-\(number)",
            title: title,
            remember,
            translate,
            NFTRule(
                .delete(NFTSetName(clients), key: [.address(.source)], data: .priority),
                title: "its endpoint is gone"
            )
        )
        return identifier
    }
}
