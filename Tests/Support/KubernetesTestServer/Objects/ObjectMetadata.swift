import Addressing
import ServiceModel

/// The metadata of an object, with fields that clients do not need, as in a real cluster.
struct ObjectMetadata {
    /// What controllers leave behind; the bulk of many objects.
    static let managedFields =
        #"{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:clusterIP":{},"#
        + #""f:internalTrafficPolicy":{},"f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":"#
        + #"{".":{},"f:name":{},"f:port":{},"f:protocol":{},"f:targetPort":{}}},"f:selector":{},"#
        + #""f:sessionAffinity":{},"f:type":{}}}"#

    var name: String
    var namespace: String
    var uid: String
    var labels: [(String, String)] = []
    var annotations: [(String, String)] = []

    init(_ object: ClusterObject) {
        let key = object.content.key
        name = key.name
        namespace = key.namespace
        uid = Self.uid("\(key.namespace)/\(key.name)")
        switch object.content {
        case .service(let service): labels = [("app", service.name.name)]
        case .slice(let slice, let triggerTime):
            labels = [
                ("kubernetes.io/service-name", slice.service.name),
                ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
            ]
            if let triggerTime {
                annotations.append(
                    ("endpoints.kubernetes.io/last-change-trigger-time", triggerTime)
                )
            }
            let weights = slice.endpoints.filter { $0.weight != EndpointWeight.standard }
                .map { "\($0.address)=\($0.weight)" }
            if !weights.isEmpty {
                annotations.append((EndpointWeight.annotation, weights.joined(separator: ",")))
            }
        case .node(let node):
            if let zone = node.zone { labels = [("topology.kubernetes.io/zone", zone)] }
        case .serviceCIDR: break
        }
    }

    /// Of the shape of a UUID, the same for the same text.
    static func uid(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let hex = String(hash, radix: 16)
        let digits = String(repeating: "0", count: 16 - hex.count) + hex
        return "\(digits.prefix(8))-0000-4000-8000-\(digits.suffix(8))0000"
    }
}
