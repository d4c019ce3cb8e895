import Addressing
import HostFacts
import NodeAddresses
import Testing

@Suite("Primary addresses")
@KernelThread
struct PrimaryAddressTests {
    @Test("A watch knows every change of addresses and routes that decides the source address")
    func changes() throws {
        try NetworkNamespace.enterNew()
        let watch = PrimaryAddressWatch()
        #expect(watch.addresses() == [])
        let steps: [(command: String, addresses: [String])] = [
            ("link add out type veth peer name peer", []),
            ("link set peer up", []),
            ("link set out up", []),
            ("addr add 198.51.100.7/24 dev out", []),
            ("addr add 198.51.100.8/24 dev out", []),
            ("route add default via 198.51.100.1", ["198.51.100.7"]),
            ("route change default via 198.51.100.1 src 198.51.100.8", ["198.51.100.8"]),
            ("-6 addr add fd00:7::7/64 dev out nodad", ["198.51.100.8"]),
            ("-6 route add default via fd00:7::1 dev out", ["198.51.100.8", "fd00:7::7"]),
            ("rule add to 192.0.2.1 unreachable", ["fd00:7::7"]),
            ("rule del to 192.0.2.1 unreachable", ["198.51.100.8", "fd00:7::7"]),
            ("route del default", ["fd00:7::7"]),
            ("link set out down", []),
        ]
        for step in steps {
            try Program.check(["ip"] + step.command.split(separator: " ").map(String.init))
            let expected = step.addresses.compactMap { IPAddress($0) }
            #expect(watch.addresses() == expected, "\(step.command)")
            #expect(watch.addresses() == expected)
        }
    }
}
