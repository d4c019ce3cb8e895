import Addressing
import PrintableText
package import ServiceModel

extension WireEndpointSlice {
    /// Converts the slice; nil for host names, which no proxy can use, and for the slices of
    /// headless Services. Unusable endpoints and hints are added to `leftOut`, and the slice is
    /// used without them.
    package func slice(
        namespace: String,
        name: String,
        leftOut: inout [ObjectError]
    ) throws(ObjectError) -> EndpointSlice? {
        guard metadata?.labels?[WireMetadata.Label.headless] == nil, addressType != "FQDN" else {
            return nil
        }
        let family = try family()
        var slice = EndpointSlice(
            name: name,
            service: ServiceName(namespace: namespace, name: try serviceName()),
            family: family,
            ports: try Self.ports(ports, FieldPath("ports")),
            endpoints: []
        )
        let weights = try WeightAnnotation(metadata)
        slice.endpoints.reserveCapacity(endpoints?.count ?? 0)
        for (index, endpoint) in (endpoints ?? []).enumerated() {
            do throws(ObjectError) {
                guard var known = try endpoint.endpoint(family, index, &leftOut) else { continue }
                known.weight = weights.weight(of: known.address)
                slice.endpoints.append(known)
            } catch {
                leftOut.append(error.adding("this endpoint is left out"))
            }
        }
        try ObjectLimits.check([slice])
        return slice
    }

    /// The ports that have a number; a port without one would mean all ports, which no proxy
    /// supports.
    package static func ports(
        _ ports: [Port]?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> [EndpointPort] {
        var result: [EndpointPort] = []
        result.reserveCapacity(ports?.count ?? 0)
        for (index, port) in (ports ?? []).enumerated() {
            func subpath(_ field: FieldPath.Step) -> FieldPath {
                path().appending(.element(index), field)
            }
            let number = try FieldValues.optionalPort(port.port, subpath("port"))
            guard let number else { continue }
            result.append(
                EndpointPort(
                    name: try ObjectNames.portName(port.name, subpath("name")),
                    transport: try FieldValues.transport(port.protocol, subpath("protocol")),
                    port: number
                )
            )
        }
        return result
    }

    private func family() throws(ObjectError) -> IPFamily {
        guard let addressType, !addressType.isEmpty else {
            throw ObjectError(FieldPath("addressType"), "is missing")
        }
        guard let family = IPFamily(rawValue: addressType) else {
            throw ObjectError(
                FieldPath("addressType"),
                "\(quoted(addressType)) is not one of IPv4, IPv6, FQDN"
            )
        }
        return family
    }

    private func serviceName() throws(ObjectError) -> String {
        let label = WireMetadata.Label.serviceName
        let name = metadata?.label(label) ?? ""
        guard !name.isEmpty else {
            throw ObjectError(FieldPath("metadata", "labels"), "label \(label) is missing")
        }
        guard ObjectNames.isObjectName(name) else {
            throw ObjectError(
                FieldPath("metadata", "labels", .field(label)),
                "\(quoted(name)) is not a valid Service name"
            )
        }
        return name
    }
}

extension WireEndpointSlice.Endpoint {
    /// Nil without an address; only the first one is used.
    fileprivate func endpoint(
        _ family: IPFamily,
        _ index: Int,
        _ leftOut: inout [ObjectError]
    ) throws(ObjectError) -> Endpoint? {
        guard let addresses, let text = addresses.first else { return nil }
        func refusal(_ reason: String) -> ObjectError {
            ObjectError(FieldPath("endpoints", .element(index), "addresses", .element(0)), reason)
        }
        guard let address = IPAddress(text), address.family == family else {
            throw refusal("\(quoted(text)) is not an \(family.rawValue) address")
        }
        if let reason = FieldValues.reasonAgainst(endpoint: address) { throw refusal(reason) }
        var endpoint = Endpoint(address: address)
        endpoint.ignoredAddresses = UInt8(clamping: addresses.count - 1)
        endpoint.ready = conditions?.ready ?? true
        endpoint.serving = conditions?.serving ?? true
        endpoint.terminating = conditions?.terminating ?? false
        endpoint.nodeName = nodeName?.nonEmpty
        endpoint.zone = zone?.nonEmpty
        if let hints {
            endpoint.zoneHints = names(hints.forZones, "forZones", index, &leftOut)
            endpoint.nodeHints = names(hints.forNodes, "forNodes", index, &leftOut)
        }
        return endpoint
    }

    private func names(
        _ hints: [WireEndpointSlice.Hint]?,
        _ field: FieldPath.Step,
        _ index: Int,
        _ leftOut: inout [ObjectError]
    ) -> [String] {
        var result: [String] = []
        for (position, hint) in (hints ?? []).enumerated() {
            guard let name = hint.name, !name.isEmpty else {
                let path = FieldPath("endpoints", .element(index), "hints", field)
                leftOut.append(
                    ObjectError(
                        path.appending(.element(position), "name"),
                        "is missing; this hint is left out"
                    )
                )
                continue
            }
            result.append(name)
        }
        return result
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
