import CNetlink
package import DataplaneModel
import Netlink

/// How long IPVS keeps idle connections, in the network namespace of the calling thread.
package struct IPVSTimeouts: Sendable, Equatable {
    /// Of established TCP connections. The kernel's default is 900 s.
    package var tcp: Duration
    /// Of TCP connections after a FIN. The kernel's default is 120 s.
    package var tcpFinish: Duration
    /// Of UDP exchanges. The kernel's default is 300 s.
    package var udp: Duration

    package init(tcp: Duration = .zero, tcpFinish: Duration = .zero, udp: Duration = .zero) {
        self.tcp = tcp
        self.tcpFinish = tcpFinish
        self.udp = udp
    }

    /// The corresponding request is `IPVS_CMD_GET_CONFIG`.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
    package static func observe() throws(DataplaneError) -> IPVSTimeouts {
        let answer = try IPVSSocket().ask(IPVS_CMD_GET_CONFIG)
        func value(_ type: some BinaryInteger) -> Duration {
            .seconds(answer?.attribute(type)?.number(UInt32.self) ?? 0)
        }
        return IPVSTimeouts(
            tcp: value(IPVS_CMD_ATTR_TIMEOUT_TCP),
            tcpFinish: value(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN),
            udp: value(IPVS_CMD_ATTR_TIMEOUT_UDP)
        )
    }

    /// Sets those that are not zero, rounded up to whole seconds. The corresponding request is
    /// `IPVS_CMD_SET_CONFIG`.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS; `.invalid` for a timeout it does not accept.
    package func apply() throws(DataplaneError) {
        if self == IPVSTimeouts() { return }
        _ = try IPVSSocket().ask(IPVS_CMD_SET_CONFIG) { batch in
            batch.attribute(IPVS_CMD_ATTR_TIMEOUT_TCP, Self.seconds(tcp))
            batch.attribute(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, Self.seconds(tcpFinish))
            batch.attribute(IPVS_CMD_ATTR_TIMEOUT_UDP, Self.seconds(udp))
        }
    }

    private static func seconds(_ duration: Duration) -> UInt32 {
        let (seconds, rest) = duration.components
        return UInt32(clamping: seconds + (rest > 0 ? 1 : 0))
    }
}
