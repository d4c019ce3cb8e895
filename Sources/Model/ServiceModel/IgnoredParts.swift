import Addressing
import PrintableText

extension ServiceSnapshot {
    /// Parts of the endpoints that no proxy uses, including kube-proxy: further addresses of an
    /// endpoint, and ports whose name and protocol match no port of the Service. The objects are
    /// valid, but this is often a mistake. Sorted; examines every object.
    package var ignoredParts: [String] {
        slices.keys.flatMap { name -> [String] in
            let service = services[name]
            return (slices[name] ?? []).flatMap { slice in
                slice.ignoredAddresses + (service.map(slice.unmatchedPorts) ?? [])
            }
        }.sorted()
    }
}

extension EndpointSlice {
    private var title: String { "endpoints of \(service) (\(name))" }

    fileprivate var ignoredAddresses: [String] {
        let ignoring = endpoints.filter { $0.ignoredAddresses > 0 }
        guard let first = ignoring.first else { return [] }
        let others = ignoring.count > 1 ? "; as for \(counted(ignoring.count - 1, "other"))" : ""
        return [
            "\(title): only an endpoint's first address \(first.address) is used, not the others (\(first.ignoredAddresses))\(others)"
        ]
    }

    fileprivate func unmatchedPorts(of service: Service) -> [String] {
        ports.filter { port in
            !service.ports.contains { $0.name == port.name && $0.transport == port.transport }
        }.map { port in
            let known = service.ports.map { "\"\($0.name)\" (\($0.transport.rawValue))" }
            let ports = known.isEmpty ? "none" : known.joined(separator: ", ")
            return
                "\(title): port \"\(port.name)\" (\(port.transport.rawValue)) is not a port of the Service, which has \(ports)"
        }
    }
}
