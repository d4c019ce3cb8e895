package import Addressing

/// The identity of a Service: namespace and name.
package struct ServiceName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var namespace: String
    package var name: String

    package init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    package var description: String { "\(namespace)/\(name)" }

    package static func < (left: ServiceName, right: ServiceName) -> Bool {
        left.namespace == right.namespace
            ? left.name < right.name : left.namespace < right.namespace
    }
}

/// The identity of one port of a Service. It includes the protocol: TCP and UDP ports may have the
/// same name in different versions of an object.
package struct ServicePortName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var service: ServiceName
    /// The port's name; empty for a single unnamed port.
    package var port: String
    package var transport: TransportProtocol

    package init(service: ServiceName, port: String, transport: TransportProtocol) {
        self.service = service
        self.port = port
        self.transport = transport
    }

    /// `namespace/name` or `namespace/name:port`; the protocol is not printed, as in kube-proxy.
    package var description: String { port.isEmpty ? "\(service)" : "\(service):\(port)" }

    package static func < (left: ServicePortName, right: ServicePortName) -> Bool {
        if left.service != right.service { return left.service < right.service }
        return left.port == right.port ? left.transport < right.transport : left.port < right.port
    }
}
