import Addressing
import KubernetesObjects
import ServiceModel

/// An IPVS virtual server of an input, which becomes a Service.
struct VirtualServerPart {
    /// What identifies a virtual server: never a firewall mark, which has no equivalent.
    struct Key: Hashable, CustomStringConvertible {
        var socket: SocketAddress
        var transport: TransportProtocol

        /// `192.0.2.10:80/tcp`
        var description: String { "\(socket)/\(transport.keyword)" }

        /// A name for what has none: `tcp-192-0-2-10-80`. Different keys have different names.
        var serviceName: ServiceName {
            let address = "\(socket.address)".map { $0 == "." || $0 == ":" ? "-" : $0 }
            return ServiceName(
                namespace: "default",
                name: "\(transport.keyword)-\(String(address))-\(socket.port)"
            )
        }
    }

    struct Server {
        var line: Int
        var socket: SocketAddress
        var weight: UInt32 = EndpointWeight.standard
        var forwarding = Forwarding.nat
    }

    var line: Int
    var key: Key
    /// At first that of ipvsadm and keepalived; nil for the mode's own.
    var scheduler: Scheduler? = .wlc
    var hashesSourcePort = false
    var affinity = SessionAffinity.none
    var healthCheck: HealthCheck?
    var servers: [Server] = []

    /// The Service with the servers that it can have; the others are findings.
    func service(_ converted: inout Converted) -> ConvertedService {
        var service = Service(
            name: key.serviceName,
            clusterIPs: [key.socket.address],
            ports: [ServicePort(transport: key.transport, port: key.socket.port)],
            sessionAffinity: affinity,
            scheduler: scheduler,
            healthCheck: healthCheck
        )
        let usable = usableServers(&converted)
        service.forwarding = usable.first?.forwarding ?? .nat
        if scheduler == .mh, !hashesSourcePort {
            converted.note(
                line,
                "\(key)",
                "scheduler mh also hashes the client's port here: a client's connections may reach different endpoints; sessionAffinity: ClientIP keeps them together"
            )
        }
        let target = usable.first?.socket.port ?? key.socket.port
        return ConvertedService(
            line: line,
            service: service,
            targets: [target],
            members: usable.map { server in
                ConvertedService.Member(
                    endpoint: Endpoint(address: server.socket.address, weight: server.weight),
                    port: server.socket.port == target ? nil : server.socket.port
                )
            }
        )
    }

    private func usableServers(_ converted: inout Converted) -> [Server] {
        var seen: Set<SocketAddress> = []
        var usable: [Server] = []
        for var server in servers {
            let object = "\(key): real server \(server.socket)"
            if let reason = FieldValues.reasonAgainst(endpoint: server.socket.address) {
                converted.leaveOut(server.line, object, "\(reason); it is left out")
                continue
            }
            guard server.socket.address.family == key.socket.address.family else {
                converted.leaveOut(
                    server.line,
                    object,
                    "is of another IP family than the virtual server; it is left out"
                )
                continue
            }
            if let first = usable.first, first.forwarding != server.forwarding {
                converted.leaveOut(
                    server.line,
                    object,
                    "forwarding \(server.forwarding.rawValue), but the first real server has \(first.forwarding.rawValue), and a Service has one; it is left out"
                )
                continue
            }
            // IPVS does not change the port of a packet that it does not translate.
            if server.forwarding != .nat, server.socket.port != key.socket.port {
                converted.note(
                    server.line,
                    object,
                    "forwarding \(server.forwarding.rawValue) keeps the port of the packet: connections arrive at port \(key.socket.port)"
                )
                server.socket.port = key.socket.port
            }
            guard seen.insert(server.socket).inserted else {
                converted.leaveOut(server.line, object, "given twice; the first one is used")
                continue
            }
            usable.append(server)
        }
        return usable
    }
}

extension SessionAffinity {
    /// Of an IPVS persistence timeout in seconds, at most a day.
    static func persistence(
        _ seconds: Int,
        _ line: Int,
        _ object: String,
        _ converted: inout Converted
    ) -> SessionAffinity {
        let most = 86400
        if seconds > most {
            converted.leaveOut(
                line,
                object,
                "persistence of \(seconds) s: \(most) s is the longest, and is used"
            )
        }
        return .clientIP(timeoutSeconds: UInt32(min(max(seconds, 1), most)))
    }
}
