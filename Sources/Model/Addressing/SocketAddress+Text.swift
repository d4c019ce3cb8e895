extension SocketAddress {
    /// Parses `10.0.0.1:80` or `[fd00::1]:80`; nil for anything else.
    package init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }),
            let number = Int(digits), let port = PortNumber(number)
        else { return nil }
        var host = text[..<colon]
        let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if bracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(String(host)), bracketed == (address.family == .ipv6) else {
            return nil
        }
        self.init(address, port)
    }
}
