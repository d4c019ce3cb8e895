import Addressing

extension ServiceSnapshot {
    /// What endpoints say that no proxy uses, as kube-proxy doesn't: addresses beside an endpoint's
    /// first, and ports whose name and protocol no port of the Service has. No faults: objects are
    /// valid with them, but somebody may have meant something. Sorted; looks at everything.
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
        let others = ignoring.count > 1 ? "; the same goes for \(ignoring.count - 1) others" : ""
        return [
            "\(title): an endpoint's first address \(first.address) counts, the others (\(first.ignoredAddresses)) do not\(others)"
        ]
    }

    fileprivate func unmatchedPorts(of service: Service) -> [String] {
        ports.filter { port in
            !service.ports.contains { $0.name == port.name && $0.transport == port.transport }
        }.map { port in
            let known = service.ports.map { "\"\($0.name)\" (\($0.transport.rawValue))" }
            let ports = known.isEmpty ? "none" : known.joined(separator: ", ")
            return
                "\(title): port \"\(port.name)\" (\(port.transport.rawValue)) is no port of the Service, which has \(ports)"
        }
    }
}
