import Addressing
import DataplaneModel

/// All virtual servers of one family, and the choice between them.
struct VirtualServerChoice {
    let servers: [VirtualServer.Key: VirtualServer]

    /// Nil if IPVS ignores the packet, as it does with all pings.
    func server(for packet: PacketState) -> VirtualServer? {
        guard packet.port != nil else { return nil }
        return marked(packet) ?? addressed(packet)
    }

    /// The virtual server whose frontend is the packet's destination.
    func addressed(_ packet: PacketState) -> VirtualServer? {
        guard let port = packet.port, let transport = packet.transport else { return nil }
        return servers[.frontend(SocketAddress(packet.destination, port), transport)]
    }

    /// The virtual server for the packet's whole mark.
    private func marked(_ packet: PacketState) -> VirtualServer? {
        packet.mark == 0 ? nil : servers[.mark(packet.mark, packet.destination.family)]
    }

    /// Why this virtual server was chosen, or none, if its name does not show it.
    func reasons(for packet: PacketState) -> [String] {
        if packet.port == nil { return ["IPVS does not balance pings"] }
        if packet.mark == 0 { return [] }
        if marked(packet) == nil {
            return ["no virtual server has the mark \(packet.mark.hexadecimal)"]
        }
        guard let other = addressed(packet) else { return [] }
        return ["the mark wins over \(other.key)"]
    }
}
