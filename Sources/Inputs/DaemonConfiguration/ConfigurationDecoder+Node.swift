import Addressing
import AnnotatedYAML
import PrintableText

extension DaemonConfiguration.Server {
    mutating func decode(_ fields: Fields) throws(FieldError) {
        if let text = try fields.string("address") {
            if text.isEmpty {
                address = nil
            } else if let parsed = SocketAddress(parsing: text) {
                address = parsed
            } else {
                throw fields.error(
                    "address",
                    "\(quoted(text)) is not of the form 127.0.0.1:10256 or [::1]:10256"
                )
            }
        }
        bindFailure = try fields.choice("bindFailure", of: BindFailure.self) ?? bindFailure
    }
}

extension DaemonConfiguration.Conntrack {
    /// The kernel counts connections in an int.
    static let counts = 0...Int(Int32.max)
    static let times = Duration.zero ... .seconds(365 * 86400)

    mutating func decode(_ fields: Fields) throws(FieldError) {
        maxPerCore = try fields.integer("maxPerCore", in: Self.counts) ?? maxPerCore
        min = try fields.integer("min", in: Self.counts) ?? min
        func time(_ name: String) throws(FieldError) -> Duration? {
            try fields.duration(name, in: Self.times)
        }
        tcpEstablishedTimeout = try time("tcpEstablishedTimeout") ?? tcpEstablishedTimeout
        tcpCloseWaitTimeout = try time("tcpCloseWaitTimeout") ?? tcpCloseWaitTimeout
        tcpBeLiberal = try fields.boolean("tcpBeLiberal") ?? tcpBeLiberal
        udpTimeout = try time("udpTimeout") ?? udpTimeout
        udpStreamTimeout = try time("udpStreamTimeout") ?? udpStreamTimeout
        cleanStaleUDP = try fields.boolean("cleanStaleUDP") ?? cleanStaleUDP
    }
}
