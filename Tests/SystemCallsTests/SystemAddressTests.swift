import Addressing
import Glibc
import SystemCalls
import SystemPackage
import Testing

@Suite("Addresses of sockets")
struct SystemAddressTests {
    @Test("An IP address comes out as it went in", arguments: ["127.0.0.1", "192.0.2.255", "::1"])
    func addresses(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(SystemAddress(address, 80).ip == address)
        let domain = address.family == .ipv4 ? AF_INET : AF_INET6
        guard address.isLoopback else { return }
        let socket = try OwnedDescriptor(socket: domain, SOCK_DGRAM)
        try SystemAddress(address, 0).bind(socket)
        let own = try SystemAddress.own(of: socket)
        #expect(own.ip == address)
    }

    @Test("A datagram arrives at an abstract name, and at no longer one")
    func abstract() throws {
        let name = "@fairlead-test-\(getpid())"
        let receiver = try OwnedDescriptor(socket: AF_UNIX, SOCK_DGRAM)
        try #require(SystemAddress(unix: name)).bind(receiver)
        let sender = try OwnedDescriptor(socket: AF_UNIX, SOCK_DGRAM)
        let flags = Int32(MSG_DONTWAIT)
        #expect(
            try #require(SystemAddress(unix: name)).send([1, 2], through: sender, flags: flags)
        )
        let received = try receiver.read(upTo: 10)
        #expect(received == [1, 2])
        let longer = try #require(SystemAddress(unix: name + "x"))
        let isSentAgain = longer.send([1], through: sender, flags: flags)
        #expect(!isSentAgain)
    }

    @Test("A path that leaves no room for its end cannot name a socket")
    func length() {
        #expect(SystemAddress(unix: "/" + String(repeating: "x", count: 106)) != nil)
        #expect(SystemAddress(unix: "/" + String(repeating: "x", count: 107)) == nil)
    }

    @Test("To connect where nothing listens is an error")
    func refused() throws {
        let socket = try OwnedDescriptor(socket: AF_UNIX, SOCK_STREAM)
        #expect(throws: Errno.noSuchFileOrDirectory) {
            try SystemAddress(unix: "/nonexistent/socket")?.connect(socket)
        }
    }
}
