package import ServiceModel

/// A wish of one Service that cannot be planned as it stands; the rest of the plan holds.
package struct PlanIssue: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var servicePort: ServicePortName
    package var reason: String

    package init(_ servicePort: ServicePortName, reason: String) {
        self.servicePort = servicePort
        self.reason = reason
    }

    package var description: String { "\(servicePort): \(reason)" }

    package static func < (left: PlanIssue, right: PlanIssue) -> Bool {
        (left.servicePort, left.reason) < (right.servicePort, right.reason)
    }
}

extension ServiceState {
    /// Wishes that the configuration forbids, an issue for each port.
    var refusals: [PlanIssue] {
        refusedExternalIPs.flatMap { address in
            ports.map {
                PlanIssue($0.name, reason: "external IP \(address) is outside the allowed ranges")
            }
        }
    }
}
