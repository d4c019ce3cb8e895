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
        // Nor does removing those of other tables, or looking for them.
        try fixture.iptables("-t", "filter", "-N", "FAIRLEAD-OLD")
        let after = try watch.releases()
        #expect(try store.retire(rulesIn: [.filter, .mangle]).operations == 1)
        #expect(try store.leftovers(rulesIn: [.mangle]).iptables.mangle.chains.isEmpty)
        #expect(try store.retire(rulesIn: [.mangle]).operations == 0)
        #expect(try watch.releases() == after)
        // Only the end of the store closes the lock file.
        withExtendedLifetime(store) {}
    }
}
