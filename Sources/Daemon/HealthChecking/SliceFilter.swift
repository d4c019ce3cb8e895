import Addressing
import ServiceModel

/// Removes the unhealthy endpoints from one Service's slices, port by port.
struct SliceFilter {
    let service: Service
    let check: HealthCheck
    let unhealthy: Set<HealthTarget>
    /// The ports that have usable endpoints but no healthy one, in some family.
    private(set) var unhealthyPorts: Set<ServicePortName> = []

    init(service: Service, check: HealthCheck, unhealthy: Set<HealthTarget>) {
        self.service = service
        self.check = check
        self.unhealthy = unhealthy
    }

    /// Splits a slice if its endpoints differ in health by port.
    mutating func apply(to slices: [EndpointSlice]) -> [EndpointSlice] {
        var kept: [IPFamily: Set<ServicePort>] = [:]
        for family in Set(slices.map(\.family)) {
            for port in service.ports where hasNoHealthyEndpoint(port, family, slices) {
                unhealthyPorts.insert(
                    ServicePortName(
                        service: service.name,
                        port: port.name,
                        transport: port.transport
                    )
                )
                if check.panic == .keep { kept[family, default: []].insert(port) }
            }
        }
        return slices.flatMap { slice in
            let kept = kept[slice.family] ?? []
            return split(slice) { port in
                kept.contains { $0.name == port.name && $0.transport == port.transport }
            }
        }
    }

    /// False if there is no usable endpoint at all.
    private func hasNoHealthyEndpoint(
        _ port: ServicePort,
        _ family: IPFamily,
        _ slices: [EndpointSlice]
    ) -> Bool {
        var hasUnhealthy = false
        for slice in slices where slice.family == family {
            for endpointPort in slice.ports
            where endpointPort.name == port.name && endpointPort.transport == port.transport {
                for endpoint in slice.endpoints where endpoint.isUsable {
                    guard isUnhealthy(endpoint, endpointPort, slice) else { return false }
                    hasUnhealthy = true
                }
            }
        }
        return hasUnhealthy
    }

    private func isUnhealthy(
        _ endpoint: Endpoint,
        _ port: EndpointPort,
        _ slice: EndpointSlice
    ) -> Bool {
        check.target(endpoint, port, in: slice).map(unhealthy.contains) ?? false
    }

    private func split(
        _ slice: EndpointSlice,
        isKept: (EndpointPort) -> Bool
    ) -> [EndpointSlice] {
        var groups: [(down: [Bool], ports: [EndpointPort])] = []
        for port in slice.ports {
            let isFiltered = service.has(port) && !isKept(port)
            let down = slice.endpoints.map { isFiltered && isUnhealthy($0, port, slice) }
            if let index = groups.firstIndex(where: { $0.down == down }) {
                groups[index].ports.append(port)
            } else {
                groups.append((down, [port]))
            }
        }
        guard !groups.isEmpty else { return [slice] }
        return groups.enumerated().map { index, group in
            var part = slice
            // Sorts right after the slice's name and before all names it is a prefix of: object
            // names contain no character below `-`.
            if index > 0 { part.name += "+\(index)" }
            part.ports = group.ports
            for (position, isDown) in group.down.enumerated() where isDown {
                part.endpoints[position].ready = false
                part.endpoints[position].serving = false
            }
            return part
        }
    }
}
