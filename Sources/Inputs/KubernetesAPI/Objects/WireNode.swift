import Addressing
import KubernetesObjects

/// `v1 Node` as encoded by the API, reduced to the fields a proxy reads.
struct WireNode: Equatable, Decodable {
    var metadata: WireMetadata?
    var spec: Spec?
    var status: Status?

    struct Spec: Equatable, Decodable {
        var podCIDR: String?
        var podCIDRs: [String]?
        var taints: [Taint]?
    }

    struct Taint: Equatable, Decodable {
        var key: String?
    }

    struct Status: Equatable, Decodable {
        var addresses: [Address]?
    }

    struct Address: Equatable, Decodable {
        var type: String?
        var address: String?
    }

    /// Skips invalid addresses, as kube-proxy does: the node has others.
    func node(_ name: String) throws(ObjectError) -> NodeObject {
        var node = NodeObject(name: name)
        for address in status?.addresses ?? [] {
            guard let known = address.address.flatMap({ IPAddress($0) }) else { continue }
            switch address.type {
            case "InternalIP": node.internalIPs.append(known)
            case "ExternalIP": node.externalIPs.append(known)
            default: break
            }
        }
        node.podCIDRs = try FieldValues.prefixes(spec?.podCIDRs, FieldPath("spec", "podCIDRs"))
        if node.podCIDRs.isEmpty, let range = spec?.podCIDR {
            node.podCIDRs = try FieldValues.prefixes([range], FieldPath("spec", "podCIDR"))
        }
        let zone = metadata?.label(WireMetadata.Label.zone) ?? ""
        node.zone = zone.isEmpty ? nil : zone
        node.taintKeys = (spec?.taints ?? []).compactMap(\.key)
        node.isBeingDeleted = metadata?.deletionTimestamp != nil
        return node
    }
}

/// `networking.k8s.io/v1 ServiceCIDR` as encoded by the API.
struct WireServiceCIDR: Equatable, Decodable {
    var metadata: WireMetadata?
    var spec: Spec?

    struct Spec: Equatable, Decodable {
        var cidrs: [String]?
    }

    func ranges() throws(ObjectError) -> [IPPrefix] {
        try FieldValues.prefixes(spec?.cidrs, FieldPath("spec", "cidrs"))
    }
}
