import Addressing
import DataplaneModel
import PacketTracing
import Testing

/// Services as nftables mode lays them out.
@Suite struct NFTServiceTests {
    /// default/web:http has an endpoint here, 10.244.1.20, and one elsewhere, 10.244.2.20.
    static var web: NFTLayout {
        var layout = NFTLayout()
        let value = layout.list(
            1,
            title: "default/web:http",
            ["10.244.1.20:8080", "10.244.2.20:8080"]
        )
        layout.clusterIP("10.96.0.10:80", value)
        layout.made.put(.frontend("198.51.100.6:80", value), into: "external-ips")
        layout.made.put(.nodePort(30080, value), into: "external-ports")
        return layout
    }

    private static let all = "10.244.1.20:8080, 10.244.2.20:8080"

    @Test("ClusterIPs balance for all clients, and keep the sources of pods")
    func clusterIP() throws {
        let flows = """
            10.244.1.7   -> 10.96.0.10:80/tcp = \(Self.all)
            192.0.2.1    -> 10.96.0.10:80/tcp = \(Self.all); masq
            203.0.113.9  -> 10.96.0.10:80/tcp = \(Self.all); masq
            10.244.1.20  -> 10.96.0.10:80/tcp = 10.244.1.20:8080 masq, 10.244.2.20:8080
            10.244.1.7   -> 10.96.0.10:81/tcp = REJECT
            10.244.1.7   -> 10.96.0.10:80/udp = REJECT
            192.0.2.1    -> 10.96.0.10:81/tcp = REJECT
            10.244.1.7   -> 10.96.0.10/icmp   = REJECT
            10.244.1.7   -> 10.96.0.99:80/tcp = DROP
            192.0.2.1    -> 10.96.0.99/icmp   = DROP
            10.244.1.7   -> 203.0.113.9:80/tcp = UNTOUCHED
            """
        #expect(try Self.web.made.mismatches(flows) == [])
    }

    @Test("External addresses and node ports masquerade, and loopback serves no node port")
    func external() throws {
        let flows = """
            203.0.113.9 -> 198.51.100.6:80/tcp = \(Self.all); masq
            10.244.1.7  -> 198.51.100.6:80/tcp = \(Self.all); masq
            203.0.113.9 -> 198.51.100.6:81/tcp = UNTOUCHED
            203.0.113.9 -> 192.0.2.1:30080/tcp = \(Self.all); masq
            192.0.2.1   -> 192.0.2.1:30080/tcp = \(Self.all); masq
            203.0.113.9 -> 192.0.2.1:30081/tcp = UNTOUCHED
            203.0.113.9 -> 192.0.2.9:30080/tcp = UNTOUCHED
            127.0.0.1   -> 127.0.0.1:30080/tcp = UNTOUCHED
            203.0.113.9 -> 192.0.2.1/icmp      = UNTOUCHED
            """
        #expect(try Self.web.made.mismatches(flows) == [])
    }

    @Test("Policy Local: outside to the endpoint here, pods and node to all of them")
    func policyLocal() throws {
        var layout = NFTLayout()
        let here = layout.list(1, ["10.244.1.20:8080"])
        let everywhere = layout.list(2, ["10.244.1.20:8080", "10.244.2.20:8080"])
        let elsewhere = layout.list(3, ["10.244.2.20:8080"])
        layout.made.put(
            .frontend("198.51.100.7:80"),
            .frontend("198.51.100.8:80"),
            into: "local-ips"
        )
        layout.made.put(.frontend("198.51.100.7:80", here), into: "outside-ips")
        layout.made.put(
            .frontend("198.51.100.7:80", everywhere),
            .frontend("198.51.100.8:80", elsewhere),
            into: "inside-ips"
        )
        layout.made.put(.frontend("198.51.100.8:80"), into: "dropped")
        layout.made.put(.nodePort(30081), .nodePort(30082), into: "local-ports")
        layout.made.put(.nodePort(30081, here), into: "outside-ports")
        layout.made.put(
            .nodePort(30081, everywhere),
            .nodePort(30082, elsewhere),
            into: "inside-ports"
        )
        layout.made.put(.nodePort(30082), into: "dropped-ports")
        let flows = """
            203.0.113.9 -> 198.51.100.7:80/tcp = 10.244.1.20:8080
            10.244.1.7  -> 198.51.100.7:80/tcp = \(Self.all)
            10.244.1.20 -> 198.51.100.7:80/tcp = 10.244.1.20:8080 masq, 10.244.2.20:8080
            192.0.2.1   -> 198.51.100.7:80/tcp = \(Self.all); masq
            203.0.113.9 -> 198.51.100.8:80/tcp = DROP
            10.244.1.7  -> 198.51.100.8:80/tcp = 10.244.2.20:8080
            192.0.2.1   -> 198.51.100.8:80/tcp = 10.244.2.20:8080 masq
            203.0.113.9 -> 192.0.2.1:30081/tcp = 10.244.1.20:8080
            10.244.1.7  -> 192.0.2.1:30081/tcp = \(Self.all)
            192.0.2.1   -> 192.0.2.1:30081/tcp = \(Self.all); masq
            203.0.113.9 -> 192.0.2.1:30082/tcp = DROP
            192.0.2.1   -> 192.0.2.1:30082/tcp = 10.244.2.20:8080 masq
            """
        #expect(try layout.made.mismatches(flows) == [])
    }

    @Test("Without an endpoint a frontend rejects, with endpoints elsewhere only it drops")
    func noEndpoint() throws {
        var layout = NFTLayout()
        layout.clusterIP("10.96.0.11:80")
        layout.clusterIP("10.96.0.12:80")
        layout.made.put(.frontend("10.96.0.11:80"), into: "rejected")
        layout.made.put(.frontend("198.51.100.6:80"), into: "rejected")
        layout.made.put(.frontend("10.96.0.12:80"), into: "dropped")
        layout.made.put(.nodePort(30083), into: "rejected-ports")
        let flows = """
            10.244.1.7  -> 10.96.0.11:80/tcp   = REJECT
            192.0.2.1   -> 10.96.0.11:80/tcp   = REJECT
            203.0.113.9 -> 198.51.100.6:80/tcp = REJECT
            10.244.1.7  -> 10.96.0.12:80/tcp   = DROP
            10.244.1.7  -> 10.96.0.12:81/tcp   = REJECT
            203.0.113.9 -> 192.0.2.1:30083/tcp = REJECT
            192.0.2.1   -> 192.0.2.1:30083/tcp = REJECT
            203.0.113.9 -> 192.0.2.9:30083/tcp = UNTOUCHED
            """
        #expect(try layout.made.mismatches(flows) == [])
    }

    @Test("Source ranges drop all other clients, before translation")
    func sourceRanges() throws {
        var layout = Self.web
        layout.allow("198.51.100.6:80", from: "203.0.113.0/24", "203.0.113.128/25", "192.0.2.1/32")
        let flows = """
            203.0.113.9   -> 198.51.100.6:80/tcp = \(Self.all); masq
            203.0.113.200 -> 198.51.100.6:80/tcp = \(Self.all); masq
            192.0.2.1     -> 198.51.100.6:80/tcp = \(Self.all); masq
            203.0.114.9   -> 198.51.100.6:80/tcp = DROP
            10.244.1.7    -> 198.51.100.6:80/tcp = DROP
            203.0.114.9   -> 10.96.0.10:80/tcp   = \(Self.all); masq
            203.0.114.9   -> 192.0.2.1:30080/tcp = \(Self.all); masq
            """
        #expect(try layout.made.mismatches(flows) == [])
    }

    @Test("An endpoint on the node's own network is delivered there")
    func hostNetwork() throws {
        var layout = NFTLayout()
        layout.clusterIP("10.96.0.10:80", layout.list(1, ["192.0.2.1:8080"]))
        let flows = """
            10.244.1.7  -> 10.96.0.10:80/tcp = 192.0.2.1:8080
            203.0.113.9 -> 10.96.0.10:80/tcp = 192.0.2.1:8080
            192.0.2.1   -> 10.96.0.10:80/tcp = 192.0.2.1:8080 masq
            """
        #expect(try layout.made.mismatches(flows) == [])
    }
}
