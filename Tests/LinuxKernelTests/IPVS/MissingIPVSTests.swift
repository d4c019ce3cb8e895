import Addressing
import DataplaneModel
import TestSupport
import Testing
import XTables

@testable import IPVS

@Suite("IPVS where it may be missing")
@KernelThread
struct MissingIPVSTests {
    @Test("Asking for the number of virtual servers loads IPVS, or says that the kernel has none")
    func count() throws {
        let store = VirtualServerStore(family: .ipv4, drainTimeout: .zero)
        do throws(DataplaneError) {
            #expect(try store.virtualServerCount() != nil)
        } catch {
            #expect(!IPVSSocket.isLoaded)
            #expect(error.kind == .unsupported)
            #expect(error.description.contains("the kernel has no IPVS"))
        }
    }

    @Test("Removing another mode's rules does not look like a foreign change")
    func retiredRules() throws {
        let fixture = try StoreFixture(.ipv4)
        let watch = XTablesLockWatch(fixture.lock)
        _ = try watch.releases()
        try fixture.iptables("-t", "mangle", "-N", "FAIRLEAD-OLD")
        let before = try watch.releases()
        let store = IPVSStore(
            family: .ipv4,
            .init(lock: fixture.lock, drainTimeout: .zero, addressSet: IPSetName("FAIRLEAD-A4"))
        )
        #expect(try store.retire(rulesIn: [.mangle]).operations == 1)
        #expect(try watch.releases() == before)
        // Only the end of the store closes the lock file.
        withExtendedLifetime(store) {}
    }
}
