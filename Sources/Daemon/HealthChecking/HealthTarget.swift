package import Addressing
package import ServiceModel

/// A socket and how to probe it. Endpoints of several Services that agree in all of it share one
/// target and are probed once.
package struct HealthTarget: Sendable, Hashable {
    package var socket: SocketAddress
    package var probe: HealthCheck.Probe
    package var timing: HealthCheck.Timing

    package init(
        socket: SocketAddress,
        probe: HealthCheck.Probe,
        timing: HealthCheck.Timing = HealthCheck.Timing()
    ) {
        self.socket = socket
        self.probe = probe
        self.timing = timing
    }
}

extension HealthTarget: CustomStringConvertible {
    /// `tcp 10.0.0.1:80` or `http 10.0.0.1:80/healthz`.
    package var description: String {
        switch probe {
        case .tcp: "tcp \(socket)"
        case .http(let request): "http \(socket)\(request.path)"
        case .https(let request, _): "https \(socket)\(request.path)"
        }
    }
}

/// A change of a target's verdict.
package struct HealthChange: Sendable, Equatable {
    package var target: HealthTarget
    package var isHealthy: Bool
    /// There was no verdict before.
    package var isFirst: Bool
    /// The last probe's error, if it failed.
    package var reason: String?

    package init(
        target: HealthTarget,
        isHealthy: Bool,
        isFirst: Bool = false,
        reason: String? = nil
    ) {
        self.target = target
        self.isHealthy = isHealthy
        self.isFirst = isFirst
        self.reason = reason
    }
}

extension HealthCheck {
    /// The target of an endpoint at one port of its slice; nil if the check does not apply, as to a
    /// UDP port without another port to probe.
    func target(
        _ endpoint: Endpoint,
        _ port: EndpointPort,
        in slice: EndpointSlice
    ) -> HealthTarget? {
        let probed: PortNumber? =
            switch self.port {
            case .endpoint: port.transport == .tcp ? port.port : nil
            case .number(let number): number
            case .named(let name): slice.port(named: name)
            }
        return probed.map {
            HealthTarget(socket: SocketAddress(endpoint.address, $0), probe: probe, timing: timing)
        }
    }
}

extension EndpointSlice {
    /// Of two ports with the same name, the TCP one.
    fileprivate func port(named name: String) -> PortNumber? {
        let found = ports.filter { $0.name == name }
        return (found.first { $0.transport == .tcp } ?? found.first)?.port
    }
}

extension Service {
    /// The target of an endpoint at a port of its slice; nil if the Service has no check for it.
    /// `slice` is as the source gave it.
    package func healthTarget(
        _ endpoint: Endpoint,
        _ port: EndpointPort,
        in slice: EndpointSlice
    ) -> HealthTarget? {
        has(port) ? effectiveCheck?.target(endpoint, port, in: slice) : nil
    }

    /// The health check, if it applies: for Services of a cluster, the kubelet probes.
    var effectiveCheck: HealthCheck? { origin == .files ? healthCheck : nil }

    func has(_ port: EndpointPort) -> Bool {
        ports.contains { $0.name == port.name && $0.transport == port.transport }
    }
}

extension Endpoint {
    /// Whether it may receive new connections, at least for lack of a better endpoint.
    var isUsable: Bool { weight > 0 && (ready || (serving && terminating)) }
}
