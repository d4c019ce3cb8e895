package import Addressing
package import DataplaneModel
package import ServiceModel

/// How chains, sets and lists are named; what makes a name this program's own is in `Ownership`.
///
/// Input names are hostile: only a slug of lower-case letters, digits and dashes gets through, and
/// a hash keeps names apart.
package enum NameScheme {
    /// Begins every chain's name.
    static var chainPrefix: String { Ownership.fairlead.chainPrefix }

    /// What a per-Service chain is for; the letter behind the prefix.
    package enum ChainRole: String, Sendable, CaseIterable {
        /// Spreads over the cluster list.
        case cluster = "C"
        /// Spreads over the local list.
        case local = "L"
        /// Traffic to external addresses and node ports: decides on list and masquerading.
        case external = "X"
        /// Admits the source ranges of load-balancer addresses.
        case sourceRanges = "R"
    }

    /// `FAIRLEAD-<role><hash>-<slug>`, at most 28 bytes; `group` numbers the second level of a
    /// large Service.
    package static func chain(
        _ role: ChainRole,
        of port: ServicePortName,
        group: Int? = nil
    ) -> ChainName {
        var key = "\(role.rawValue)\0\(identity(of: port))"
        if let group { key += "\0\(group)" }
        let slug = slug(of: port, length: 8)
        return ChainName("\(chainPrefix)\(role.rawValue)\(hash(key))-\(slug)")
    }

    /// The list that remembers which clients `endpoint` of a Service port has (`xt_recent`).
    package static func affinityList(
        of port: ServicePortName,
        endpoint: SocketAddress
    ) -> String {
        "\(chainPrefix)\(hash("A\0\(identity(of: port))"))-\(endpoint.address)-\(endpoint.port)"
    }

    /// The chain that goes on with a packet whose destination begins so.
    package static func dispatchChain(_ prefix: String) -> ChainName {
        let plain = chainPrefix + prefix
        if plain.utf8.count <= ChainName.maximumLength { return ChainName(plain) }
        return ChainName("\(chainPrefix)D\(hash("D\0\(prefix)"))")
    }

    /// A number that stays with the Service port, spread evenly over 64 bits.
    static func number(of port: ServicePortName) -> UInt64 {
        // The bytes of "M\0" and the identity. Each group of a first plan has its number made, and text takes longer.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(96)
        let service = port.service
        for part in ["M", service.namespace, service.name, port.port, port.transport.keyword] {
            if !bytes.isEmpty { bytes.append(0) }
            bytes.append(contentsOf: part.utf8)
        }
        let digest = SHA256.digest(bytes)
        return UInt64(digest[0]) << 32 | UInt64(digest[1])
    }

    /// NUL stands in no name, so no two ports share an identity.
    private static func identity(of port: ServicePortName) -> String {
        let service = port.service
        return "\(service.namespace)\0\(service.name)\0\(port.port)\0\(port.transport.keyword)"
    }

    private static func slug(of port: ServicePortName, length: Int) -> String {
        let text = port.port.isEmpty ? port.service.name : "\(port.service.name)-\(port.port)"
        let safe = text.utf8.prefix(length).map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                byte
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            default: UInt8(ascii: "-")
            }
        }
        return String(decoding: safe, as: UTF8.self)
    }

    private static let alphabet = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8
    )

    /// Nine characters of base 62: 53 bits, with a cryptographic hash behind them.
    private static func hash(_ key: String) -> String {
        let digest = SHA256.digest(Array(key.utf8))
        var rest = UInt64(digest[0]) << 32 | UInt64(digest[1])
        var characters: [UInt8] = []
        for _ in 0..<9 {
            characters.append(alphabet[Int(rest % 62)])
            rest /= 62
        }
        return String(decoding: characters, as: UTF8.self)
    }
}
