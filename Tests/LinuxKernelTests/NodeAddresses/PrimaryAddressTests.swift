import Addressing
import DataplaneModel
import Glibc
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
        #expect(try watch.addresses() == [])
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
            #expect(try watch.addresses() == expected, "\(step.command)")
            #expect(try watch.addresses() == expected)
        }
    }

    @Test("A change during a shortage of descriptors is found after it")
    func shortage() async {
        await #expect(processExitsWith: .success) {
            try NetworkNamespace.enterNew()
            let steps = [
                "link add out type veth peer name peer", "link set peer up", "link set out up",
                "addr add 198.51.100.7/24 dev out",
                "addr add 198.51.100.8/24 dev out", "route add default via 198.51.100.1",
            ]
            func run(_ step: String) throws {
                try Program.check(["ip"] + step.split(separator: " ").map(String.init))
            }
            for step in steps { try run(step) }
            let watch = PrimaryAddressWatch()
            try #require(try watch.addresses() == [IPAddress(ipv4: 0xc633_6407)])
            try run("route change default via 198.51.100.1 src 198.51.100.8")
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            var limit = rlimit()
            getrlimit(resource, &limit)
            // A notification is waited for with poll, which the limit concerns, too.
            let used = open("/dev/null", O_RDONLY)
            var none = rlimit(rlim_cur: rlim_t(used), rlim_max: limit.rlim_max)
            setrlimit(resource, &none)
            let error = #expect(throws: DataplaneError.self) { try watch.addresses() }
            setrlimit(resource, &limit)
            try #require(error?.errno == EMFILE)
            try #require(try watch.addresses() == [IPAddress(ipv4: 0xc633_6408)])
        }
    }
}
