import Addressing
import DataplaneModel
import ServiceModel

/// A wish to decide what happens to packets for one destination. Of several for the same
/// destination the first in order gets it.
struct FrontendClaim: ContestedClaim {
    /// The dispatch trees a frontend can stand in.
    enum Space {
        case address
        case nodePort
        case healthCheck
    }

    /// What is contested.
    struct Frontend: Hashable {
        var space: Space
        var key: DispatchKey
    }

    var space: Space
    var key: DispatchKey
    var rank: FrontendRank
    var owner: ServicePortName
    var standing: ClaimStanding
    /// In space `address` only.
    var address: IPAddress?
    var natRule: Rule?
    var filterRule: Rule?

    var frontend: Frontend { Frontend(space: space, key: key) }

    /// `10.96.0.10:80/tcp`, for people.
    var subject: String {
        guard let transport = key.transportProtocol else { return address?.description ?? "" }
        let port = address.map { $0.family == .ipv6 ? "[\($0)]:" : "\($0):" } ?? ""
        return "\(port)\(key.port)/\(transport.keyword)"
    }
}
