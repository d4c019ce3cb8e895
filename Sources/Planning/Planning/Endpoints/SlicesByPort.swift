import Addressing
import ServiceModel

/// The slices of a Service, for each of its ports.
struct SlicesByPort {
    /// With fewer ports it is quicker to look through all slices for each.
    private static let fewPorts = 8

    private struct Key: Hashable {
        var name: String
        var transport: TransportProtocol
    }

    private let slices: [EndpointSlice]
    /// The slices that have a port, reduced to it; nil if there are few ports.
    private var reduced: [Key: [EndpointSlice]]?

    init(_ slices: [EndpointSlice], for ports: [ServicePort]) {
        self.slices = slices
        guard ports.count > Self.fewPorts else { return }
        var reduced: [Key: [EndpointSlice]] = [:]
        for slice in slices {
            for port in slice.ports {
                var part = slice
                part.ports = [port]
                reduced[Key(name: port.name, transport: port.transport), default: []].append(part)
            }
        }
        self.reduced = reduced
    }

    /// Those that may have the port, in their order.
    subscript(_ port: ServicePort) -> [EndpointSlice] {
        guard let reduced else { return slices }
        return reduced[Key(name: port.name, transport: port.transport)] ?? []
    }
}
