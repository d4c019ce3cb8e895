@testable import KubernetesClient

/// Proxies between the node and the API server.
let proxyTargets = [FuzzTarget("proxy-tunnel", negotiate)]

private let proxies = ["http://p", "http://me:pw@p", "socks5://p", "socks5://me:pw@p"].compactMap {
    ProxyAddress($0)
}

/// Two bytes that choose the proxy and how the bytes are cut, then what the proxy sends. However they are cut,
/// the outcome is the same.
private func negotiate(_ data: [UInt8]) {
    guard data.count > 2 else { return }
    let proxy = proxies[Int(data[0] & 3)]
    let host = data[0] & 4 == 0 ? "api.example" : "2001:db8::1"
    let bytes = Array(data.dropFirst(2))
    let whole = Outcome(proxy, host, bytes, bytes.count)
    let cut = Outcome(proxy, host, bytes, Int(data[1]) + 1)
    precondition(whole == cut, "a tunnel depends on its pieces: \(whole), \(cut)")
    if let error = whole.error { requirePrintable(error) }
    // What is told of a server begins where the proxy's own words end.
    precondition(whole.rest.map { bytes.suffix($0.count).elementsEqual($0) } ?? true)
}

/// What a proxy's bytes lead to.
private struct Outcome: Equatable {
    var sent: [[UInt8]] = []
    /// What came through the tunnel; nil if there is none.
    var rest: [UInt8]?
    var error: String?

    init(_ proxy: ProxyAddress, _ host: String, _ bytes: [UInt8], _ length: Int) {
        var negotiation = TunnelNegotiation(proxy, host: host, port: 6443)
        var pending = bytes[...]
        var next: [UInt8] = []
        do throws(ClientError) {
            while true {
                switch try negotiation.receive(next) {
                case .done(let early):
                    rest = early + pending
                    return
                case .send(let message):
                    sent.append(message)
                    // A proxy that has sent its next answer already.
                    next = []
                case .wait:
                    if pending.isEmpty { return }
                    next = Array(pending.prefix(length))
                    pending = pending.dropFirst(length)
                }
            }
        } catch {
            self.error = "\(error)"
        }
    }
}
