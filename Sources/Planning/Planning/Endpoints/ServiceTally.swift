package import Addressing
package import ServiceModel

/// Numbers about what this node offers in one family, kept up to date Service by Service.
package struct ServiceTally: Sendable, Equatable {
    /// A health check server that a Service asks for.
    package struct HealthCheck: Sendable, Hashable {
        package var port: PortNumber
        /// Distinct addresses of ready endpoints on this node.
        package var readyHere: Int
    }

    /// What one Service, or all of them, add up to.
    package struct Counts: Sendable, Equatable {
        package var services = 0
        package var ports = 0
        /// Each as often as there are ports that use it.
        package var endpoints = 0
        /// Ports with internal policy Local and endpoints on other nodes only.
        package var internalWithoutLocal = 0
        /// The same with external policy Local.
        package var externalWithoutLocal = 0

        package init() {}

        fileprivate mutating func add(_ other: Counts, times factor: Int = 1) {
            services += factor * other.services
            ports += factor * other.ports
            endpoints += factor * other.endpoints
            internalWithoutLocal += factor * other.internalWithoutLocal
            externalWithoutLocal += factor * other.externalWithoutLocal
        }
    }

    package private(set) var total = Counts()
    package private(set) var healthChecks: [ServiceName: HealthCheck] = [:]

    package init() {}

    /// Counts one Service anew; nil if it is not there.
    mutating func replace(_ old: ServiceState?, by new: ServiceState?, _ name: ServiceName) {
        if let old { total.add(Counts(old), times: -1) }
        if let new { total.add(Counts(new)) }
        let check = new.flatMap { service in
            service.healthCheckNodePort.map {
                HealthCheck(port: $0, readyHere: service.readyHere)
            }
        }
        // Hardly any Service has one.
        if check != nil || !healthChecks.isEmpty, healthChecks[name] != check {
            healthChecks[name] = check
        }
    }
}

extension ServiceTally.Counts {
    init(_ service: ServiceState) {
        services = 1
        ports = service.ports.count
        for port in service.ports {
            endpoints += port.endpoints.reachable.count
            guard port.endpoints.local.isEmpty, port.endpoints.hasAny else { continue }
            if port.internalPolicyIsLocal { internalWithoutLocal += 1 }
            if port.externalPolicyIsLocal, port.isExternallyAccessible { externalWithoutLocal += 1 }
        }
    }
}
