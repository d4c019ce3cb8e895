package import Addressing
import ArgumentParser

/// `10.0.0.1:80/tcp` or `[fd00::1]:53/udp` on the command line.
package struct Endpoint: ExpressibleByArgument {
    package var socket: SocketAddress
    package var transport: TransportProtocol

    package init?(argument: String) {
        let parts = argument.split(separator: "/")
        guard parts.count == 2, let socket = SocketAddress(parsing: String(parts[0])),
            let transport = TransportProtocol(keyword: String(parts[1]))
        else { return nil }
        self.socket = socket
        self.transport = transport
    }
}
