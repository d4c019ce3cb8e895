import Addressing
import DataplaneModel
import TestSupport
import Testing

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
}
