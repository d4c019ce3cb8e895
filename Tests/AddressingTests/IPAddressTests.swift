import Addressing
import Testing

@Suite struct IPAddressTests {
    @Test(
        "Text becomes an address and prints in its canonical form",
        arguments: [
            ("10.0.0.1", "10.0.0.1"), ("010.000.0.01", "10.0.0.1"),
            ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("FD00:0:0:1::a", "fd00:0:0:1::a"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1::", "1::"),
            ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
            ("64:ff9b::10.0.0.1", "64:ff9b::a00:1"), ("::ffff:10.0.0.1", "10.0.0.1"),
        ]
    )
    func canonicalText(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(address.description) == address)
    }

    @Test(
        "Invalid addresses are rejected",
        arguments: [
            "", "10", "10.0.0", "10.0.0.", "10.0.0.0.1", ".1.2.3", "256.0.0.1", "1.2.3.4 ",
            "-1.0.0.0",
            ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "fe80::1%eth0",
            "g::", "1:2:3:4:5:6:7:", "::10.0.0", "10.0.0.1:80", "000000000010.0.0.1",
        ]
    )
    func refusedText(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("Addresses order by value, IPv4 first")
    func ordering() throws {
        let texts = ["10.0.0.9", "10.0.0.10", "::1", "fd00::"]
        let addresses = try texts.map { try #require(IPAddress($0)) }
        #expect(addresses.shuffled().sorted() == addresses)
    }

    @Test("A prefix masks host bits and knows its members")
    func prefixes() throws {
        let prefix = try #require(IPPrefix("10.244.1.7/16"))
        #expect(prefix.description == "10.244.0.0/16")
        #expect(prefix.contains(try #require(IPAddress("10.244.255.255"))))
        #expect(!prefix.contains(try #require(IPAddress("10.245.0.0"))))
        #expect(!prefix.contains(try #require(IPAddress("::1"))))
        #expect(try #require(IPPrefix("::/0")).contains(try #require(IPAddress("fd00::1"))))
        #expect(try #require(IPPrefix("0.0.0.0/0")).contains(try #require(IPAddress("1.2.3.4"))))
        #expect(IPPrefix("10.0.0.0/33") == nil)
        #expect(IPPrefix("10.0.0.0/") == nil)
        #expect(IPPrefix("10.0.0.0/+8") == nil)
        #expect(try #require(IPPrefix("fd00::1")).length == 128)
    }
}
