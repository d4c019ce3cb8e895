import Addressing
import DataplaneModel
import HostFacts
import NodeAddresses
import TestSupport
import Testing

@Suite("LocalAddressWatch")
@KernelThread
struct LocalAddressWatchTests {
    @Test("Addresses are read after a notification only, and again if reading them failed")
    func failedRead() throws {
        try NetworkNamespace.enterNew()
        let reads = Reads()
        let watch = LocalAddressWatch { () throws(DataplaneError) in try reads.next() }
        #expect(try watch.addresses().isEmpty)
        _ = try watch.addresses()
        #expect(reads.count == 1)
        try Program.check(["ip", "link", "set", "lo", "up"])
        reads.fail = true
        #expect(throws: DataplaneError.self) { try watch.addresses() }
        reads.fail = false
        #expect(try watch.addresses().isEmpty == false)
        _ = try watch.addresses()
        #expect(reads.count == 3)
    }

    private final class Reads {
        var count = 0
        var fail = false

        func next() throws(DataplaneError) -> [LocalAddress] {
            count += 1
            if fail { throw .system("getifaddrs", "local addresses", 24) }
            return try LocalAddresses.observe()
        }
    }
}
