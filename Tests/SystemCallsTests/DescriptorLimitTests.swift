import Glibc
import SystemCalls
import Testing

@Suite("Limit of descriptors")
struct DescriptorLimitTests {
    @Test("Those that are free are counted, up to what is enough")
    func free() throws {
        #expect(DescriptorLimit.free(upTo: 0) == 0)
        #expect(DescriptorLimit.free(upTo: 3) == 3)
        let all = DescriptorLimit.free(upTo: .max)
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(all > 3 && all < Int(clamping: limit.rlim_cur))
    }

    @Test("The limit is never lowered")
    func raise() {
        let before = DescriptorLimit.free(upTo: 64)
        DescriptorLimit.raise(to: 0)
        #expect(DescriptorLimit.free(upTo: 64) == before)
    }
}
