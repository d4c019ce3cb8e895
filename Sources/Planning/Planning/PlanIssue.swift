import Addressing
import DataplaneModel
package import ServiceModel

/// Something in one Service that cannot be planned as it stands; the rest of the plan holds.
package struct PlanIssue: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var servicePort: ServicePortName
    package var reason: String
    /// The Service port that has what this one claims; nil where none has.
    package var holder: ServicePortName?

    package init(
        _ servicePort: ServicePortName,
        reason: String,
        holder: ServicePortName? = nil
    ) {
        self.servicePort = servicePort
        self.reason = reason
        self.holder = holder
    }

    package func concerns(_ service: ServiceName) -> Bool {
        servicePort.service == service || holder?.service == service
    }

    package var description: String { "\(servicePort): \(reason)" }

    package static func < (left: PlanIssue, right: PlanIssue) -> Bool {
        (left.servicePort, left.reason) < (right.servicePort, right.reason)
    }
}

extension ServicePortState {
    /// What the Service asks for and a mode that always translates cannot do; `schedulers` are those
    /// that it has besides choosing at random.
    func unsupported(in mode: ProxyMode, schedulers: Set<Scheduler> = []) -> [PlanIssue] {
        var reasons: [String] = []
        if let scheduler, !schedulers.contains(scheduler) {
            let name = scheduler.rawValue
            reasons.append("scheduler \(name): mode \(mode.rawValue) picks at random, by weight")
        }
        if forwarding != .nat {
            let name = forwarding.rawValue
            reasons.append("forwarding \(name): mode \(mode.rawValue) translates addresses")
        }
        return reasons.map { PlanIssue(name, reason: $0) }
    }
}

extension ServiceState {
    /// External IPs that the configuration forbids, an issue for each port, and frontends that are the
    /// API server's.
    var refusals: [PlanIssue] {
        let forbidden = refusedExternalIPs.flatMap { address in
            ports.map {
                PlanIssue($0.name, reason: "external IP \(address) is outside the allowed ranges")
            }
        }
        let taken = ports.flatMap { port in
            port.refusedAddresses.map { address in
                let socket = SocketAddress(address, port.port)
                return PlanIssue(port.name, reason: "\(socket)/tcp is where an API server listens")
            }
        }
        return forbidden + taken
    }
}
